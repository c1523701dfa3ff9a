// Python bindings of the core. Arrays are checked here and nowhere below.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "bindings.hpp"
#include "dispatch.hpp"
#include "labels.hpp"
#include "search.hpp"
#include "tree.hpp"
#include "votes.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lookalike {
namespace {

using RowArray = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using FloatVector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatMatrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using DoubleVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using IntVector = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using ShortMatrix = nb::ndarray<const std::int16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Found = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using SavedArray = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Saved = std::pair<std::map<std::string, SavedArray>, std::vector<double>>;
using Groups = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// `bits` names the type of rows that are passed as 16-bit words.
DType dtype_of(const nb::dlpack::dtype& dtype, const std::string& bits = {}) {
    if (!bits.empty()) {
        require(dtype == nb::dtype<std::uint16_t>() && (bits == "float16" || bits == "bfloat16"), "16-bit words are float16 or bfloat16");
        return bits == "float16" ? DType::f16 : DType::bf16;
    }
    if (dtype == nb::dtype<std::uint8_t>()) return DType::u8;
    if (dtype == nb::dtype<std::int8_t>()) return DType::i8;
    if (dtype == nb::dtype<std::int16_t>()) return DType::i16;
    if (dtype == nb::dtype<float>()) return DType::f32;
    if (dtype == nb::dtype<double>()) return DType::f64;
    throw std::invalid_argument("rows must be uint8, int8, int16, float32 or float64");
}

Rows rows_of(const RowArray& array, const std::string& bits = {}) {
    return {array.data(), static_cast<std::int64_t>(array.shape(0)), static_cast<std::int64_t>(array.shape(1)),
            dtype_of(array.dtype(), bits)};
}

using AnyValues = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

bool are_within(const AnyValues& values, double low, double high, double least) {
    const Kernels& kernels = *available_kernels().front();
    return visit(dtype_of(values.dtype()), [&](auto type) {
        using T = decltype(type);
        return distances_of<T>(kernels).within(static_cast<const T*>(values.data()), static_cast<std::int64_t>(values.size()), low,
                                               high, least);
    });
}

Metric metric_named(const std::string& name) {
    if (name == "sqeuclidean") return Metric::squared_euclidean;
    if (name == "cosine") return Metric::cosine;
    if (name == "manhattan") return Metric::manhattan;
    throw std::invalid_argument("metric must be sqeuclidean, cosine or manhattan");
}

template <class T> nb::ndarray<nb::numpy, T, nb::ndim<2>> new_matrix(std::size_t rows, std::size_t columns) {
    T* data = new T[rows * columns];
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return nb::ndarray<nb::numpy, T, nb::ndim<2>>(data, {rows, columns}, owner);
}

// The cases for which integer bases exist.
bool is_of_bytes(const Projection& p, DType dtype) {
    const float least = dtype == DType::i8 ? -128.0f : 0.0f, most = dtype == DType::i8 ? 127.0f : 255.0f;
    return (dtype == DType::u8 || dtype == DType::i8) &&
           std::all_of(p.mean.begin(), p.mean.end(), [=](float x) { return least <= x && x <= most; });
}

// Runs `search(request, answer, job, watch)` of a search among n_rows rows, writes the answer, and returns how many
// exact distances were computed.
template <class Search>
std::int64_t fill(const Found<std::int64_t>& indices, const Found<double>& distances, Request request,
                  const std::optional<Groups>& query_groups, const std::optional<Groups>& row_groups, std::int64_t n_rows,
                  const nb::object& progress, double work, const Search& search) {
    const auto n_queries = static_cast<std::size_t>(request.queries.n);
    request.k = static_cast<std::int64_t>(indices.shape(1));
    require(request.k >= 1, "k must be at least 1");
    require(indices.shape(0) == n_queries && distances.shape(0) == n_queries && distances.shape(1) == indices.shape(1),
            "the answer has a row for each query");
    require(query_groups.has_value() == row_groups.has_value(), "groups of queries and of rows go together");
    if (query_groups) {
        require(query_groups->shape(0) == n_queries && row_groups->shape(0) == static_cast<std::size_t>(n_rows),
                "one group a query and one a row");
        request.query_groups = query_groups->data();
        request.row_groups = row_groups->data();
    }
    require(request.n_threads >= 1, "n_threads must be at least 1");
    Answer answer{distances.data(), indices.data()};
    Job job;
    const Watch watch = [&](std::int64_t done) {
        check_signals(done);
        const nb::gil_scoped_acquire acquire;
        if (!progress.is_none()) progress(done, request.queries.n);
    };
    // A short search does not need a thread to watch it.
    const bool is_short = progress.is_none() && work < 1e9;
    {
        const nb::gil_scoped_release release;
        const Watch used = is_short ? Watch{} : watch;
        search(request, answer, job, used);
    }
    if (!progress.is_none()) progress(request.queries.n, request.queries.n);
    return answer.distances_computed;
}

// Keeps the arrays of the rows alive as long as the index, which points into them.
class PyIndex {
public:
    PyIndex(RowArray rows, const std::string& metric, const std::string& cpu, std::unique_ptr<Projection> projection,
            int n_threads, std::unique_ptr<Shifts> shifts, std::unique_ptr<ManhattanCoding> coding, const std::string& bits,
            bool on_disk, const std::optional<Saved>& saved)
        : rows_(std::move(rows)), bits_(bits) {
        Rows view = rows_of(rows_, bits);
        view.on_disk = on_disk;
        const Metric native_metric = metric_named(metric);
        const bool are_squares = native_metric == Metric::squared_euclidean;
        require(!shifts || bits.empty(), "shifts are of rows of other dtypes");
        require(!shifts || are_squares, "shifts are of sqeuclidean");
        require(!shifts || !projection || projection->wide_scale == 0, "a wide bound knows no shifts");
        require(!shifts || shifts->height * shifts->width * shifts->channels == static_cast<std::int64_t>(view.d),
                "rows must be images of the frame");
        require(!projection || projection->mean.size() == rows_.shape(1), "the projection is of rows of another width");
        require(!projection || projection->pairs.empty() || (are_squares && is_of_bytes(*projection, view.dtype)),
                "a basis of integers is of bytes and sqeuclidean");
        require(!coding || metric == "manhattan", "a coding is of manhattan");
        const auto is_coordinate = [&](std::int32_t j) { return 0 <= j && static_cast<std::size_t>(j) < rows_.shape(1); };
        require(!coding || std::all_of(coding->coordinates.begin(), coding->coordinates.end(), is_coordinate), "the coding is of rows of another width");
        auto codes = coding ? std::make_unique<ManhattanCodes>(*coding) : nullptr;
        if (saved) {
            SavedIndex arrays;
            for (const auto& [name, array] : saved->first) arrays.arrays[name] = {array.data(), array.size()};
            arrays.numbers = saved->second;
            saved_ = *saved;
            index_ = std::make_unique<Index>(kernels_named(cpu), native_metric, view, std::move(projection), arrays,
                                             std::move(shifts), std::move(codes));
            return;
        }
        const nb::gil_scoped_release release;
        index_ = std::make_unique<Index>(kernels_named(cpu), native_metric, view, std::move(projection),
                                         n_threads, check_signals, std::move(shifts), std::move(codes));
    }

    // Views into the index, and numbers.
    static nb::tuple save(const nb::handle& self) {
        const SavedIndex saved = nb::cast<const PyIndex&>(self).index().saved();
        nb::dict arrays;
        for (const auto& [name, array] : saved.arrays)
            arrays[name.c_str()] = nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>>(array.first, {array.second}, self).cast();
        return nb::make_tuple(arrays, saved.numbers);
    }

    void append(RowArray rows, int n_threads) {
        const Rows view = rows_of(rows, bits_);
        require(view.dtype == index_->rows().dtype && view.d == index_->rows().d && view.n >= index_->rows().n,
                "append takes the old rows followed by new ones");
        const RowArray old = rows_;
        rows_ = std::move(rows);  // from now on the index points into them, even after a failure
        const nb::gil_scoped_release release;
        index_->append(view, n_threads, check_signals);
    }

    std::int64_t query(const RowArray& queries, const Found<std::int64_t>& indices, const Found<double>& distances,
                       const std::optional<Groups>& query_groups, const std::optional<Groups>& row_groups, int n_threads,
                       std::int64_t working_memory, const nb::object& progress) const {
        const Rows rows = index_->rows();
        const DType asked = dtype_of(queries.dtype());
        require((asked == rows.dtype || are_converted(rows.dtype, asked)) && static_cast<std::int64_t>(queries.shape(1)) == rows.d,
                "queries must have the dtype of the rows, or a wider one of floats, and their width");
        const double n_shifts = index_->shifts() ? index_->shifts()->count() : 1;
        const double work = static_cast<double>(queries.size()) * static_cast<double>(rows.n) * n_shifts;
        return fill(indices, distances, {rows_of(queries), 0, nullptr, nullptr, n_threads, working_memory}, query_groups,
                    row_groups, rows.n, progress, work, [&](auto&... arguments) { search(*index_, arguments...); });
    }

    const Index& index() const { return *index_; }

private:
    RowArray rows_;
    std::string bits_;
    std::optional<Saved> saved_;  // keeps the arrays alive
    std::unique_ptr<Index> index_;
};

class PyTree {
public:
    PyTree(const RowArray& array, const std::string& metric, const std::string& cpu, bool split) {
        const Rows rows = rows_of(array);
        require(1 <= rows.n && 1 <= rows.d && rows.d <= kMostTreeWidth, "a tree has rows, of 1 to 16 values");
        require(metric != "cosine", "a tree is of sqeuclidean or manhattan");
        const nb::gil_scoped_release release;
        tree_ = std::make_unique<Tree>(kernels_named(cpu), metric_named(metric), rows, split);
    }

    std::int64_t query(const RowArray& queries, const Found<std::int64_t>& indices, const Found<double>& distances,
                       const std::optional<Groups>& query_groups, const std::optional<Groups>& row_groups, int n_threads,
                       std::int64_t working_memory, const nb::object& progress) const {
        require(static_cast<std::int64_t>(queries.shape(1)) == tree_->d(), "queries must have the width of the rows");
        const double work = static_cast<double>(queries.shape(0)) * 1000;
        return fill(indices, distances, {rows_of(queries), 0, nullptr, nullptr, n_threads, working_memory}, query_groups,
                    row_groups, tree_->n(), progress, work, [&](auto&... arguments) { search(*tree_, arguments...); });
    }

    const Tree& tree() const { return *tree_; }

private:
    std::unique_ptr<Tree> tree_;
};

// Null if there are no shifts.
std::unique_ptr<Shifts> make_shifts(const std::vector<std::pair<int, int>>& list, const std::tuple<int, int, int>& frame) {
    if (list.empty()) return nullptr;
    const auto [height, width, channels] = frame;
    require(height >= 1 && width >= 1 && channels >= 1, "a frame has at least one value");
    auto shifts = std::make_unique<Shifts>(Shifts{height, width, channels, {Shift{}}});
    for (const auto& [dy, dx] : list) {
        require(dy > -height && dy < height && dx > -width && dx < width, "a shift must leave part of the image");
        shifts->list.push_back({dy, dx});
    }
    return shifts;
}

// An integer basis, with steps[j] for column j. Products with bytes must fit 32 bits.
void take_integers(const ShortMatrix& basis, const FloatVector& steps, Projection& p) {
    const std::int64_t d = static_cast<std::int64_t>(basis.shape(0)), words = (d + 1) / 2;
    const auto entry = [&](std::int64_t k, int j) -> std::int32_t { return k < d ? basis.data()[k * p.stride + j] : 0; };
    require(steps.shape(0) == basis.shape(1), "one step a column");
    p.steps.assign(steps.data(), steps.data() + p.stride);
    p.pairs.resize(static_cast<std::size_t>(words) * p.stride);
    p.mean_sums.resize(static_cast<std::size_t>(p.stride));
    for (int j = 0; j < p.stride; ++j) {
        std::int64_t size = 0, mean_sum = 0;
        for (std::int64_t k = 0; k < d; ++k) {
            size += std::abs(entry(k, j));
            mean_sum += static_cast<std::int64_t>(p.mean[static_cast<std::size_t>(k)]) * entry(k, j);
        }
        require(size * 255 <= std::numeric_limits<std::int32_t>::max(), "products of a column leave 32 bits");
        p.mean_sums[j] = static_cast<std::int32_t>(mean_sum);
        for (std::int64_t k = 0; k < words; ++k) p.pairs[basis_place(k, j, words)] = pair_of(entry(2 * k, j), entry(2 * k + 1, j));
    }
}

Projection make_projection(FloatVector mean, std::optional<FloatMatrix> basis, std::optional<FloatVector> residual,
                           int fine, int columns, float fine_scale, float coarse_scale0, float coarse_scale1,
                           float residual_mean0, float residual_mean1, std::optional<ShortMatrix> integer_basis,
                           std::optional<FloatVector> steps, float wide_scale, std::optional<FloatVector> signs) {
    Projection p;
    const std::size_t d = mean.shape(0);
    require(fine >= 1 && fine <= kMostFine && columns >= fine, "1 <= fine <= columns, fine at most 65536");
    require(fine_scale > 0 && coarse_scale0 > 0 && coarse_scale1 > 0, "scales must be positive");
    p.mean.assign(mean.data(), mean.data() + d);
    p.fine = fine;
    p.columns = columns;
    require(integer_basis.has_value() == steps.has_value() && !(basis && integer_basis), "one basis; steps for one of integers");
    if (basis || integer_basis) {
        p.stride = static_cast<int>(basis ? basis->shape(1) : integer_basis->shape(1));
        require((basis ? basis->shape(0) : integer_basis->shape(0)) == d && p.stride % kColumnStep == 0 && p.stride >= columns,
                "basis must be d x columns, columns padded to a multiple of 32");
    }
    if (integer_basis) {
        const auto is_byte = [](float x) { return x >= -128 && x <= 255 && x == std::floor(x); };
        require(std::all_of(p.mean.begin(), p.mean.end(), is_byte), "beside a basis of integers, the mean must be bytes");
        take_integers(*integer_basis, *steps, p);
    } else if (basis) {
        p.basis.resize(basis->size());
        for (std::size_t k = 0; k < d; ++k)
            for (int j = 0; j < p.stride; ++j)
                p.basis[basis_place(static_cast<std::int64_t>(k), j, static_cast<std::int64_t>(d))] = basis->data()[k * p.stride + j];
    } else {
        require(static_cast<std::size_t>(fine) == d && columns == fine && wide_scale == 0, "without a basis there are d columns and no other bound");
        p.stride = columns;
    }
    if (signs) {
        require(!basis && !integer_basis && signs->shape(0) == d, "signs are of a rotation without a basis, one a coordinate");
        p.signs.assign(signs->data(), signs->data() + d);
        require(std::all_of(p.signs.begin(), p.signs.end(), [](float x) { return x == 1 || x == -1; }), "signs are 1 or -1");
    }
    if (residual) {
        require(residual->shape(0) == static_cast<std::size_t>(columns), "one residual weight a column");
        p.residual.assign(residual->data(), residual->data() + columns);
    }
    p.residual_mean[0] = residual_mean0;
    p.residual_mean[1] = residual_mean1;
    p.fine_scale = fine_scale;
    require(wide_scale >= 0 && (wide_scale == 0 || d <= static_cast<std::size_t>(kMostFine)), "a wide bound has at most 65536 coordinates");
    p.wide_scale = wide_scale;
    p.coarse_scale[0] = coarse_scale0;
    p.coarse_scale[1] = coarse_scale1;
    return p;
}

ManhattanCoding make_coding(const IntVector& coordinates, const IntVector& ends, const DoubleVector& lows, const IntVector& bytes, double step) {
    require(ends.shape(0) == lows.shape(0) && ends.shape(0) == bytes.shape(0), "an end, a low and a number of bytes for each group");
    require(step > 0 && std::isfinite(step) && std::isfinite(1 / step), "the step and its inverse must be finite");
    std::int64_t last = 0, width = 0;
    std::vector<std::int32_t> taken(coordinates.data(), coordinates.data() + coordinates.size()), distinct = taken;
    std::sort(distinct.begin(), distinct.end());
    require(std::adjacent_find(distinct.begin(), distinct.end()) == distinct.end(), "each coordinate is in one group at most");
    for (std::size_t g = 0; g < ends.shape(0); ++g) {
        require(last < ends.data()[g] && bytes.data()[g] >= 0 && std::isfinite(lows.data()[g]), "groups follow each other, and lows are finite");
        last = ends.data()[g];
        width += bytes.data()[g];
    }
    require(last == static_cast<std::int64_t>(coordinates.size()) && width <= kMostCoded, "all coordinates are in groups, of at most 2^21 bytes");
    return {std::move(taken), {ends.data(), ends.data() + ends.size()}, {lows.data(), lows.data() + lows.size()},
            {bytes.data(), bytes.data() + bytes.size()}, step};
}

nb::ndarray<nb::numpy, float, nb::ndim<2>> rotated_rows(const FloatMatrix& rows, const FloatVector& signs) {
    const auto n = static_cast<std::int64_t>(rows.shape(0));
    const int d = static_cast<int>(rows.shape(1));
    require(signs.shape(0) == rows.shape(1), "one sign a coordinate");
    auto out = new_matrix<float>(rows.shape(0), rows.shape(1));
    std::copy_n(rows.data(), rows.size(), out.data());
    std::vector<float> scratch(rows.shape(1));
    const Kernels& kernels = *available_kernels().front();
    for (std::int64_t i = 0; i < n; ++i) kernels.rotate(out.data() + i * d, signs.data(), d, scratch.data());
    return out;
}

using CodeMatrix = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using WeightMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

nb::ndarray<nb::numpy, std::int32_t, nb::ndim<2>> count_winners(const CodeMatrix& codes, const WeightMatrix& weights,
                                                                std::int32_t n_classes,
                                                                const std::vector<std::int64_t>& ks) {
    const auto n = static_cast<std::int64_t>(codes.shape(0)), k = static_cast<std::int64_t>(codes.shape(1));
    require(weights.shape(0) == codes.shape(0) && weights.shape(1) == codes.shape(1), "one weight a neighbour");
    std::int64_t last = 1;
    for (const std::int64_t wanted : ks) {
        require(last <= wanted && wanted <= k, "ks must ascend from 1 to k");
        last = wanted;
    }
    const bool known = std::all_of(codes.data(), codes.data() + codes.size(),
                                   [=](std::int32_t code) { return 0 <= code && code < n_classes; });
    require(known, "codes must be in range(n_classes)");
    auto winners = new_matrix<std::int32_t>(codes.shape(0), ks.size());
    const nb::gil_scoped_release release;
    winners_at(codes.data(), weights.data(), n, k, n_classes, ks.data(), static_cast<std::int64_t>(ks.size()),
               winners.data());
    return winners;
}

using IndexMatrix = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class Code> using OutputCodes = nb::ndarray<const Code, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class Code>
nb::ndarray<nb::numpy, Code, nb::ndim<2>> count_winners_of_outputs(const OutputCodes<Code>& codes, const IndexMatrix& rows,
                                                                   const WeightMatrix& weights, int n_threads) {
    require(weights.shape(0) == rows.shape(0) && weights.shape(1) == rows.shape(1), "one weight a neighbour");
    require(n_threads >= 1, "n_threads must be at least 1");
    const auto n_rows = static_cast<std::int64_t>(codes.shape(0));
    require(std::all_of(rows.data(), rows.data() + rows.size(), [=](std::int64_t row) { return 0 <= row && row < n_rows; }),
            "neighbours must be rows of the codes");
    auto winners = new_matrix<Code>(rows.shape(0), codes.shape(1));
    const nb::gil_scoped_release release;
    winners_of_outputs(codes.data(), static_cast<std::int64_t>(codes.shape(1)), rows.data(), weights.data(),
                       static_cast<std::int64_t>(rows.shape(0)), static_cast<std::int64_t>(rows.shape(1)), n_threads,
                       winners.data(), check_signals);
    return winners;
}

using ByteMatrix = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<2>>;

Bytes labels_of_outputs(const ByteMatrix& labels, int n_threads) {
    require(n_threads >= 1, "n_threads must be at least 1");
    auto present = new_matrix<std::uint8_t>(labels.shape(1), kByteValues);
    const nb::gil_scoped_release release;
    find_labels(labels.data(), static_cast<std::int64_t>(labels.shape(0)), static_cast<std::int64_t>(labels.shape(1)), n_threads,
                present.data(), check_signals);
    return present;
}

Bytes relabelled(const ByteMatrix& labels, const ByteMatrix& table, int n_threads) {
    require(n_threads >= 1, "n_threads must be at least 1");
    require(table.shape(0) == labels.shape(1) && table.shape(1) == kByteValues, "the table has 256 values for each output");
    auto out = new_matrix<std::uint8_t>(labels.shape(0), labels.shape(1));
    const nb::gil_scoped_release release;
    replace_labels(labels.data(), static_cast<std::int64_t>(labels.shape(0)), static_cast<std::int64_t>(labels.shape(1)), table.data(),
                   n_threads, out.data(), check_signals);
    return out;
}

}  // namespace
}  // namespace lookalike

NB_MODULE(_core, m) {
    using namespace lookalike;
    m.doc() = "Native core of lookalike: plain arrays in, plain arrays out.";

    m.def("available_cpu_paths", [] {
        std::vector<std::string> names;
        for (const Kernels* kernels : available_kernels()) names.emplace_back(kernels->name);
        return names;
    }, "CPU paths that this machine can run, fastest first.");

    m.def("are_within", &are_within, "values"_a.noconvert(), "low"_a, "high"_a, "least"_a = 0.0,
          "Whether each value lies in low … high, and is zero or of at least the magnitude `least`.");

    m.def("winners_at", &count_winners, "codes"_a, "weights"_a, "n_classes"_a, "ks"_a,
          "The class with most votes among the first k neighbours of each query, for each k in ks.");

    constexpr const char* of_outputs = "The class with most votes of each query in each of many outputs.";
    m.def("winners_of_outputs", &count_winners_of_outputs<std::uint8_t>, "codes"_a, "rows"_a, "weights"_a, "n_threads"_a = 1,
          of_outputs);
    m.def("winners_of_outputs", &count_winners_of_outputs<std::uint16_t>, "codes"_a, "rows"_a, "weights"_a, "n_threads"_a = 1,
          of_outputs);

    m.def("labels_of_outputs", &labels_of_outputs, "labels"_a, "n_threads"_a = 1,
          "Which of the 256 values of a byte come in each column.");
    m.def("relabelled", &relabelled, "labels"_a, "table"_a, "n_threads"_a = 1,
          "The labels replaced as row j of the table says for column j.");

    bind_cleaning(m);
    bind_matching(m);

    nb::class_<Projection>(m, "Projection", nb::dynamic_attr(), "How an index bounds distances; see src/core/bounds.hpp.")
        .def(nb::new_(&make_projection), "mean"_a, "basis"_a.none(), "residual"_a.none(), nb::kw_only(), "fine"_a,
             "columns"_a, "fine_scale"_a, "coarse_scale0"_a = 1.0f, "coarse_scale1"_a = 1.0f,
             "residual_mean0"_a = 0.0f, "residual_mean1"_a = 0.0f, "integer_basis"_a.none() = nb::none(),
             "steps"_a.none() = nb::none(), "wide_scale"_a = 0.0f, "signs"_a.none() = nb::none());

    nb::class_<ManhattanCoding>(m, "ManhattanCoding", nb::dynamic_attr(), "How an index bounds Manhattan distances; see src/core/manhattan.hpp.")
        .def(nb::new_(&make_coding), "coordinates"_a, "ends"_a, "lows"_a, "bytes"_a, nb::kw_only(), "step"_a);

    m.def("rotated", &rotated_rows, "rows"_a, "signs"_a, "The rows as an index rotates them.");

    nb::class_<PyIndex>(m, "Index", "Exact nearest rows of one array.")
        .def("__init__",
             [](PyIndex* self, RowArray rows, const std::string& metric, const std::string& cpu,
                const std::optional<Projection>& projection, int n_threads, const std::vector<std::pair<int, int>>& shifts,
                const std::tuple<int, int, int>& frame, const std::optional<ManhattanCoding>& coding, const std::string& bits,
                bool on_disk, const std::optional<Saved>& saved) {
                 new (self) PyIndex(std::move(rows), metric, cpu,
                                    projection ? std::make_unique<Projection>(*projection) : nullptr,
                                    n_threads, make_shifts(shifts, frame),
                                    coding ? std::make_unique<ManhattanCoding>(*coding) : nullptr, bits, on_disk, saved);
             },
             "rows"_a, nb::kw_only(), "metric"_a, "cpu"_a, "projection"_a.none() = nb::none(),
             "n_threads"_a = 1, "shifts"_a = std::vector<std::pair<int, int>>(), "frame"_a = std::make_tuple(0, 0, 1),
             "coding"_a.none() = nb::none(), "bits"_a = "", "on_disk"_a = false, "saved"_a.none() = nb::none(),
             "With shifts, pairs (down, right), the rows are images of (height, width, channels) = frame\n"
             "and are searched as if all of them, moved by each shift, stood behind them. Rows of float16\n"
             "or bfloat16 are passed as uint16, with bits=\"float16\" or \"bfloat16\". What `save` returned\n"
             "of an index of the same rows makes it again.")
        .def("save", &PyIndex::save, "All numbers, without a copy: arrays by their names as bytes, and others.")
        .def("append", &PyIndex::append, "rows"_a, nb::kw_only(), "n_threads"_a = 1,
             "Take the old rows followed by new ones in place of the old rows.")
        .def("query", &PyIndex::query, "queries"_a, "indices"_a.noconvert(), "distances"_a.noconvert(), nb::kw_only(), "query_groups"_a.none() = nb::none(),
             "row_groups"_a.none() = nb::none(), "n_threads"_a = 1,
             "working_memory"_a = 256 << 20, "progress"_a.none() = nb::none(),
             "Write the nearest rows and their distances, nearest first; return how many exact distances\n"
             "were computed. Row r under shift s, from 1 on, has the number s * n + r.")
        .def_prop_ro("is_finite", [](const PyIndex& self) { return self.index().is_finite(); },
                     "Whether all values are known to be finite, from building an index with bounds.")
        .def_prop_ro("nbytes", [](const PyIndex& self) { return self.index().bytes(); },
                     "Memory beyond the rows themselves, in bytes.");

    nb::class_<PyTree>(m, "Tree", "A k-d tree, which holds a copy of its rows.")
        .def(nb::init<const RowArray&, const std::string&, const std::string&, bool>(), "rows"_a, nb::kw_only(), "metric"_a, "cpu"_a, "split"_a)
        .def("query", &PyTree::query, "queries"_a, "indices"_a.noconvert(), "distances"_a.noconvert(), nb::kw_only(), "query_groups"_a.none() = nb::none(),
             "row_groups"_a.none() = nb::none(), "n_threads"_a = 1,
             "working_memory"_a = 256 << 20, "progress"_a.none() = nb::none(), "As of an index; queries may have any dtype.")
        .def_prop_ro("n_rows", [](const PyTree& self) { return self.tree().n(); }, "Number of rows.")
        .def_prop_ro("nbytes", [](const PyTree& self) { return self.tree().bytes(); }, "Memory in bytes.");
}
