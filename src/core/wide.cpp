#include "wide.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace lookalike {

namespace {

constexpr std::int64_t kGroupRows = kPanelRows * kPanelGroup;

}  // namespace

void add_wide(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows, std::int64_t first,
              int n_threads, const Watch& watch, FilterRows& filter) {
    Panels& wide = filter.wide;
    const std::int64_t n = static_cast<std::int64_t>(filter.order.size()), d = rows.d;
    wide.resize(n);
    Job job;
    std::mutex mutex;
    run_blocks(job, n_threads, (n - first + kGroupRows - 1) / kGroupRows, [&](const NextBlock& next) {
        std::vector<float> x(static_cast<std::size_t>(d));
        std::vector<std::int8_t> levels(static_cast<std::size_t>(wide.width));  // padded with zeros
        double largest = 0;
        for (std::int64_t block; (block = next()) >= 0;) {
            const std::int64_t begin = first + block * kGroupRows;
            for (std::int64_t position = begin; position < std::min(n, begin + kGroupRows); ++position) {
                centre(kernels, p, metric, rows, filter.order[position], x.data());
                const double rounding = kOwnRounding * std::sqrt(kernels.f32.dot(x.data(), x.data(), d));
                wide.put(position, levels.data(), wide.quantise_row(kernels, x.data(), rounding, levels.data(), largest));
            }
        }
        const std::lock_guard lock(mutex);
        wide.error = std::max(wide.error, largest);
    }, watch);
}

WideFilter::WideFilter(const Index& index, const FilterQueries& queries, std::int64_t first, std::int64_t block, std::int64_t block_rows)
    : kernels_(index.kernels()), rows_(index.filter().wide), queries_(queries.wide), first_(first) {
    if (!rows_.coordinates) return;
    levels_.resize(static_cast<std::size_t>(block * rows_.width));
    thresholds_.resize(static_cast<std::size_t>(block));
    groups_.resize(static_cast<std::size_t>(block));
    chosen_.resize(static_cast<std::size_t>(block_rows / kGroupRows));
    for (auto& queries_of_group : chosen_) queries_of_group.reserve(static_cast<std::size_t>(block));
}

std::int64_t WideFilter::bytes_of_one(const Index& index, std::int64_t block_rows) {
    const int width = index.filter().wide.width;
    return width ? width + 12 + block_rows / kGroupRows * static_cast<std::int64_t>(sizeof(std::int32_t)) : 0;
}

void WideFilter::take(const std::int64_t* ids, int n) {
    ids_ = ids;
    for (int i = 0; i < n; ++i)
        std::copy_n(queries_.bytes.data() + (ids[i] - first_) * rows_.width, rows_.width, levels_.data() + static_cast<std::int64_t>(i) * rows_.width);
    std::fill_n(thresholds_.begin(), n, kAcceptAll);
}

void WideFilter::tighten(int i, double radius) {
    const std::int64_t from = ids_[i] - first_;
    thresholds_[i] = rows_.threshold(queries_.squares[from], (radius + queries_.errors[from] + rows_.error) * kSlack);
}

std::size_t WideFilter::narrow(Survivor* pairs, std::size_t count, std::int64_t begin) {
    for (auto& queries : chosen_) queries.clear();
    for (std::size_t i = 0; i < count; ++i) groups_[pairs[i].query] = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t group = (pairs[i].row - begin * kPanelRows) / kGroupRows;
        std::uint64_t& groups = groups_[pairs[i].query];
        if (groups >> group & 1) continue;
        groups |= std::uint64_t{1} << group;
        chosen_[group].push_back(pairs[i].query);
    }
    std::size_t left = 0;
    for (std::size_t group = 0; group < chosen_.size(); ++group) {
        const std::int64_t panel = begin + static_cast<std::int64_t>(group) * kPanelGroup;
        const Filter filter{levels_.data(), thresholds_.data(), static_cast<int>(chosen_[group].size()), rows_.width,
                            rows_.rows.data(), rows_.penalties.data() + panel * kPanelRows, chosen_[group].data()};
        if (filter.n_queries) left += kernels_.filter(filter, panel, panel + kPanelGroup, pairs + left);
    }
    return left;
}

}  // namespace lookalike
