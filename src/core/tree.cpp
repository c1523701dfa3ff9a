#include "tree.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>
#include <utility>

#include "bits.hpp"
#include "topk.hpp"

namespace lookalike {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
// The widest coordinate of many rows is that of a sample of them.
constexpr std::int64_t kSpreadSample = 256;
constexpr std::int64_t kQueriesAtOnce = 64, kQueryPart = 1 << 17;
// Queries are sorted by boxes of a level that has at least so many.
constexpr std::int64_t kPlaces = 512;

struct Part {
    std::int64_t begin, end;
};

// Divides `count` queries among threads, each of which calls work(next); next(part) says if there is another part.
template <class Work> void run_parts(Job& job, int n_threads, std::int64_t count, const Watch& watch, const Work& work) {
    run_blocks(job, n_threads, (count + kQueriesAtOnce - 1) / kQueriesAtOnce, [&](const NextBlock& next_block) {
        work([&](Part& part) {
            const std::int64_t block = next_block();
            part = {block * kQueriesAtOnce, std::min(count, (block + 1) * kQueriesAtOnce)};
            return block >= 0;
        });
    }, watch);
}

// Orders the rows such that those of each leaf, and of each node, follow each other.
template <class T> class Splitting {
public:
    Splitting(const Rows& rows, std::vector<std::int32_t>& order)
        : values_(static_cast<const T*>(rows.data)), d_(rows.d), order_(order), keys_(order.size()) {}

    // Splits `count` rows from `begin` on, at a leaf's end.
    void split(std::int64_t begin, std::int64_t count) {
        while (count > kTreeLeaf) {
            std::int64_t half = kTreeLeaf;
            while (2 * half < count) half *= 2;
            const std::int64_t axis = widest(begin, count);
            auto* const keys = keys_.data();
            for (std::int64_t i = 0; i < count; ++i) keys[i] = {value(begin + i, axis), order_[begin + i]};
            // Lower rows come first among equal values, so that a search with ties meets them first.
            std::nth_element(keys, keys + half, keys + count);
            for (std::int64_t i = 0; i < count; ++i) order_[begin + i] = keys[i].second;
            split(begin, half);
            begin += half;
            count -= half;
        }
    }

private:
    T value(std::int64_t place, std::int64_t axis) const { return values_[order_[place] * d_ + axis]; }

    std::int64_t widest(std::int64_t begin, std::int64_t count) const {
        const std::int64_t step = std::max<std::int64_t>(1, count / kSpreadSample);
        T least[kMostTreeWidth], most[kMostTreeWidth];
        for (std::int64_t j = 0; j < d_; ++j) least[j] = most[j] = value(begin, j);
        for (std::int64_t i = step; i < count; i += step)
            for (std::int64_t j = 0; j < d_; ++j) {
                least[j] = std::min(least[j], value(begin + i, j));
                most[j] = std::max(most[j], value(begin + i, j));
            }
        std::int64_t axis = 0;
        const auto spread = [&](std::int64_t j) { return static_cast<double>(most[j]) - static_cast<double>(least[j]); };
        for (std::int64_t j = 1; j < d_; ++j)
            if (spread(j) > spread(axis)) axis = j;
        return axis;
    }

    const T* values_;
    std::int64_t d_;
    std::vector<std::int32_t>& order_;
    std::vector<std::pair<T, std::int32_t>> keys_;
};

}  // namespace

Tree::Level::Level(std::int64_t count, std::int64_t d)
    : n_boxes(count), width(d), boxes(static_cast<std::size_t>((count + kTreeLanes - 1) / kTreeLanes * 2 * d * kTreeLanes), kInfinite),
      lowest_rows(static_cast<std::size_t>(count), std::numeric_limits<std::int32_t>::max()) {
    for (std::size_t start = kTreeLanes; start < boxes.size(); start += 2 * kTreeLanes)
        std::fill_n(boxes.begin() + start, kTreeLanes, -kInfinite);
}

// The lower end; the upper one follows kTreeLanes behind it.
double* Tree::Level::ends(std::int64_t box, std::int64_t axis) {
    return boxes.data() + (box / kTreeLanes * width + axis) * 2 * kTreeLanes + box % kTreeLanes;
}

void Tree::Level::extend(std::int64_t box, std::int64_t axis, double least, double most) {
    double* const own = ends(box, axis);
    own[0] = std::min(own[0], least);
    own[kTreeLanes] = std::max(own[kTreeLanes], most);
}

Tree::Tree(const Kernels& kernels, Metric metric, const Rows& rows, bool split)
    : n_(rows.n), d_(rows.d), is_square_(metric == Metric::squared_euclidean), kernels_(kernels.trees[rows.d - 1]),
      order_(static_cast<std::size_t>(rows.n)) {
    const std::int64_t n_leaves = (n_ + kTreeLeaf - 1) / kTreeLeaf;
    std::iota(order_.begin(), order_.end(), 0);
    rows_.resize(static_cast<std::size_t>(n_leaves * kTreeLeaf * d_));
    levels_.emplace_back(n_leaves, d_);
    visit(rows.dtype, [&](auto zero) {
        using T = decltype(zero);
        if (split) Splitting<T>(rows, order_).split(0, n_);
        for (std::int64_t leaf = 0; leaf < n_leaves; ++leaf) add_leaf(static_cast<const T*>(rows.data), leaf);
    });
    while (levels_.back().n_boxes > kTreeLanes) {
        Level& below = levels_.back();
        Level level((below.n_boxes + kTreeLanes - 1) / kTreeLanes, d_);
        for (std::int64_t box = 0; box < below.n_boxes; ++box) {
            std::int32_t& lowest_row = level.lowest_rows[box / kTreeLanes];
            lowest_row = std::min(lowest_row, below.lowest_rows[box]);
            for (std::int64_t j = 0; j < d_; ++j) {
                const double* const own = below.ends(box, j);
                level.extend(box / kTreeLanes, j, own[0], own[kTreeLanes]);
            }
        }
        levels_.push_back(std::move(level));
    }
}

template <class T> void Tree::add_leaf(const T* rows, std::int64_t leaf) {
    const std::int64_t begin = leaf * kTreeLeaf, count = std::min<std::int64_t>(kTreeLeaf, n_ - begin);
    const std::int32_t* const own = order_.data() + begin;
    levels_[0].lowest_rows[leaf] = *std::min_element(own, own + count);
    for (std::int64_t j = 0; j < d_; ++j) {
        double* values = rows_.data() + begin * d_ + j * kTreeLanes;
        double least = kInfinite, most = -kInfinite;
        for (std::int64_t i = 0; i < kTreeLeaf; ++i) {
            if (i > 0 && i % kTreeLanes == 0) values += d_ * kTreeLanes;
            double& value = values[i % kTreeLanes];
            value = kInfinite;  // a place without a row
            if (i >= count) continue;
            value = static_cast<double>(rows[own[i] * d_ + j]);
            least = std::min(least, value);
            most = std::max(most, value);
        }
        levels_[0].extend(leaf, j, least, most);
    }
}

std::size_t Tree::bytes() const {
    std::size_t bytes = rows_.size() * sizeof(double) + order_.size() * sizeof(std::int32_t);
    for (const Level& level : levels_) bytes += level.boxes.size() * sizeof(double) + level.lowest_rows.size() * sizeof(std::int32_t);
    return bytes;
}

// The search of one thread.
class TreeSearch {
public:
    TreeSearch(const Tree& tree, const Request& request)
        : tree_(tree), request_(request), boxes_of_(tree.kernels_.boxes[tree.is_square_]),
          rows_of_(tree.kernels_.rows[tree.is_square_]), best_(request.k) {}

    // The box of a level that is nearest at each node on the way to it.
    std::int32_t nearest(std::int64_t query, int level) {
        take(query);
        return nearest(level);
    }

    void run(std::int64_t query, Answer& answer) {
        take(query);
        // A leaf that fills the best gives a first limit, without which all boxes on the way would be sorted.
        const std::int32_t first = request_.k <= kTreeLeaf ? nearest(0) : -1;
        if (first >= 0) compare(first);
        int n_left = 0;
        expand(static_cast<int>(tree_.levels_.size()) - 1, 0, n_left);
        while (n_left > 0) {
            const Box box = stack_[--n_left];
            if (is_beyond(box)) continue;
            if (box.level > 0)
                expand(box.level - 1, box.number, n_left);
            else if (box.number != first)
                compare(box.number);
        }
        best_.take(answer.distances + query * request_.k, answer.rows + query * request_.k);
    }

    std::int64_t computed = 0;

private:
    struct Box {
        double bound;
        std::int32_t number, level;  // on level 0, of a leaf
    };

    void take(std::int64_t query) {
        visit(request_.queries.dtype, [&](auto zero) {
            const auto* const values = static_cast<const decltype(zero)*>(request_.queries.data) + query * tree_.d_;
            for (std::int64_t j = 0; j < tree_.d_; ++j) query_[j] = static_cast<double>(values[j]);
        });
        id_ = query;
        limit_ = std::numeric_limits<double>::max();
    }

    std::int32_t nearest(int level) const {
        std::int32_t node = 0;
        for (int at = static_cast<int>(tree_.levels_.size()) - 1; at >= level; --at) {
            double bounds[kTreeLanes];
            boxes_of_(query_, tree_.levels_[at].boxes.data() + node * 2 * tree_.d_ * kTreeLanes, limit_, bounds);
            int least = 0;
            for (int i = 1; i < kTreeLanes; ++i) least = bounds[i] < bounds[least] ? i : least;
            node = node * kTreeLanes + least;
        }
        return node;
    }

    bool is_beyond(const Box& box) const {
        if (box.bound != limit_) return box.bound > limit_;
        return tree_.levels_[box.level].lowest_rows[box.number] > best_.worst_row();
    }

    // Puts the children of a node on the stack, the nearest on top.
    void expand(int level, std::int32_t node, int& n_left) {
        const double* const boxes = tree_.levels_[level].boxes.data() + node * 2 * tree_.d_ * kTreeLanes;
        double bounds[kTreeLanes];
        unsigned within = boxes_of_(query_, boxes, limit_, bounds);
        const int first = n_left;
        for (; within; within &= within - 1) {
            const int i = lowest_bit(within);
            const Box box{bounds[i], node * kTreeLanes + i, level};
            int place = n_left++;
            for (; place > first && stack_[place - 1].bound <= box.bound; --place) stack_[place] = stack_[place - 1];
            stack_[place] = box;
        }
    }

    void compare(std::int64_t leaf) {
        double distances[kTreeLeaf];
        unsigned within = rows_of_(query_, tree_.rows_.data() + leaf * kTreeLeaf * tree_.d_, limit_, distances);
        computed += kTreeLeaf;
        for (; within; within &= within - 1) {
            const int i = lowest_bit(within);
            const std::int64_t row = tree_.order_[leaf * kTreeLeaf + i];
            if (!excluded(request_, id_, row)) best_.push(distances[i], row);
        }
        if (best_.full()) limit_ = best_.worst();
    }

    const Tree& tree_;
    const Request& request_;
    unsigned (*boxes_of_)(const double*, const double*, double, double*);
    unsigned (*rows_of_)(const double*, const double*, double, double*);
    TopK<double> best_;
    double query_[kMostTreeWidth];
    std::int64_t id_ = 0;
    double limit_ = 0;
    Box stack_[11 * kTreeLanes];
};

void search(const Tree& tree, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    const std::int64_t n = request.queries.n, part = std::clamp<std::int64_t>(request.working_memory / 16, 1, kQueryPart);
    std::atomic<std::int64_t> computed{0};
    for (std::int64_t first = 0; first < n && !job.is_stopped(); first += part) {
        const std::vector<std::int64_t> ids = tree.by_place(request, first, std::min(part, n - first), job, watch);
        run_parts(job, request.n_threads, static_cast<std::int64_t>(ids.size()), watch, [&](const auto& next) {
            TreeSearch searcher(tree, request);
            for (Part some; next(some); job.done += some.end - some.begin)
                for (std::int64_t i = some.begin; i < some.end; ++i) searcher.run(ids[i], answer);
            computed += searcher.computed;
        });
    }
    answer.distances_computed = computed;
}

std::vector<std::int64_t> Tree::by_place(const Request& request, std::int64_t first, std::int64_t count, Job& job,
                                         const Watch& watch) const {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), first);
    auto level = levels_.rbegin();
    while (level->n_boxes < kPlaces && level + 1 != levels_.rend()) ++level;
    if (count <= kQueriesAtOnce) return ids;
    std::vector<std::int32_t> boxes(static_cast<std::size_t>(count));
    run_parts(job, request.n_threads, count, watch, [&](const auto& next) {
        TreeSearch searcher(*this, request);
        for (Part some; next(some);)
            for (std::int64_t i = some.begin; i < some.end; ++i)
                boxes[i] = searcher.nearest(first + i, static_cast<int>(levels_.rend() - level) - 1);
    });
    std::vector<std::int64_t> starts(static_cast<std::size_t>(level->n_boxes + 1));
    for (const std::int32_t box : boxes) ++starts[box + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    for (std::int64_t i = 0; i < count; ++i) ids[starts[boxes[i]]++] = first + i;
    return ids;
}

}  // namespace lookalike
