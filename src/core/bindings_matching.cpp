// Python bindings of the matching. Arrays are checked here and nowhere below.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <vector>

#include "aligned.hpp"
#include "bindings.hpp"
#include "deformation.hpp"
#include "dispatch.hpp"
#include "gradients.hpp"
#include "matching_table.hpp"
#include "strokes.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lookalike {
namespace {


Strokes strokes_of(const Stack<std::uint8_t, 4>& images, double target_x, double target_y) {
    require(images.size() > 0 || images.shape(0) == 0, "images of at least a pixel");
    require(images.shape(1) <= 4096 && images.shape(2) <= 4096 && images.shape(3) <= 4, "images of at most 4096 x 4096 x 4");
    require(target_x > 0 && target_y > 0, "targets must be positive");
    return {static_cast<int>(images.shape(1)), static_cast<int>(images.shape(2)), static_cast<int>(images.shape(3)), target_x, target_y};
}

void normalize_into(const Stack<std::uint8_t, 4>& images, double target_x, double target_y, const MutableStack<std::uint8_t, 4>& out, int n_threads) {
    const Strokes strokes = strokes_of(images, target_x, target_y);
    for (std::size_t axis = 0; axis < 4; ++axis) require(out.shape(axis) == images.shape(axis), "stacks must be of one shape");
    require(n_threads >= 1, "n_threads at least 1");
    const nb::gil_scoped_release release;
    normalize_strokes(strokes, images.data(), static_cast<std::int64_t>(images.shape(0)), n_threads, out.data(), watch_of(images.size()));
}

void extents_into(const Stack<std::uint8_t, 4>& images, const MutableStack<double, 2>& out, int n_threads) {
    const Strokes strokes = strokes_of(images, 1, 1);
    require(out.shape(0) == images.shape(0) && out.shape(1) == 2 && n_threads >= 1, "out must be (n, 2), n_threads at least 1");
    const nb::gil_scoped_release release;
    stroke_extents(strokes, images.data(), static_cast<std::int64_t>(images.shape(0)), n_threads, out.data(), watch_of(images.size()));
}

int padded(std::size_t n, int step) { return (static_cast<int>(n) + step - 1) / step * step; }

// Unlike a product by BLAS, a row of this one has the same bits whatever other rows there are, on every processor.
void product_into(const Stack<float, 2>& rows, const Stack<float, 2>& basis, const MutableStack<float, 2>& out, const std::string& cpu) {
    const std::size_t d = rows.shape(1), columns = basis.shape(1);
    require(basis.shape(0) == d && out.shape(0) == rows.shape(0) && out.shape(1) == columns, "shapes must be n x d, d x m and n x m");
    const Kernels& kernels = kernels_named(cpu);
    const nb::gil_scoped_release release;
    const int stride = padded(columns, kColumnStep);
    Aligned<float> packed(d * static_cast<std::size_t>(stride));
    for (std::size_t k = 0; k < d; ++k)
        for (std::size_t j = 0; j < columns; ++j)
            packed[static_cast<std::size_t>(basis_place(static_cast<std::int64_t>(k), static_cast<int>(j), static_cast<std::int64_t>(d)))] = basis.data()[k * columns + j];
    constexpr std::size_t kRows = 96;  // whole tiles of every kernel
    std::vector<float> part(kRows * static_cast<std::size_t>(stride));
    for (std::size_t begin = 0; begin < rows.shape(0); begin += kRows) {
        const std::size_t count = std::min(kRows, rows.shape(0) - begin);
        kernels.multiply(rows.data() + begin * d, static_cast<int>(count), static_cast<std::int64_t>(d), packed.data(), stride, part.data());
        for (std::size_t i = 0; i < count; ++i)
            std::copy_n(part.data() + i * static_cast<std::size_t>(stride), columns, out.data() + (begin + i) * columns);
    }
}

void orient_into(const Stack<std::uint8_t, 4>& images, const Stack<float, 2>& down, const Stack<float, 2>& across, bool root,
                 const MutableStack<float, 4>& out, const std::string& cpu, int n_threads) {
    require(images.shape(1) >= 1 && images.shape(2) >= 1 && images.shape(3) >= 1, "images of at least a pixel");
    require(images.shape(1) <= 4096 && images.shape(2) <= 4096 && images.shape(3) <= 4, "images of at most 4096 x 4096 x 4");
    require(down.shape(0) == images.shape(1) && across.shape(0) == images.shape(2), "weights must be pixels x cells");
    require(out.shape(0) == images.shape(0) && out.shape(1) >= 2 && out.shape(1) <= 360 && out.shape(2) == down.shape(1) &&
                out.shape(3) == across.shape(1), "out must be images x orientations x cells x cells");
    require(n_threads >= 1, "n_threads at least 1");
    const auto cells = static_cast<int>(across.shape(1)), cell_pitch = padded(across.shape(1), kCellStep);
    std::vector<float> wide(across.shape(0) * static_cast<std::size_t>(cell_pitch));
    for (std::size_t x = 0; x < across.shape(0); ++x)
        std::copy(across.data() + x * across.shape(1), across.data() + (x + 1) * across.shape(1), wide.data() + x * static_cast<std::size_t>(cell_pitch));
    const Gradients g{static_cast<int>(images.shape(1)), static_cast<int>(images.shape(2)), static_cast<int>(images.shape(3)),
                      static_cast<int>(out.shape(1)), static_cast<int>(down.shape(1)), cells, root, down.data(), wide.data(),
                      cell_pitch, padded(images.shape(2), kGradientStep)};
    const nb::gil_scoped_release release;
    orient_gradients(kernels_named(cpu), g, images.data(), static_cast<std::int64_t>(images.shape(0)), n_threads, out.data(), watch_of(images.size()));
}

void deform_into(const Stack<std::uint8_t, 3>& queries, const Stack<std::uint8_t, 3>& images, const Stack<std::int64_t, 2>& candidates,
                 const Stack<std::uint16_t, 2>& penalties, int window, bool backward, const MutableStack<std::int64_t, 2>& distances,
                 const std::optional<MutableStack<std::int8_t, 5>>& fields, const std::string& cpu, int n_threads) {
    require(queries.shape(1) == images.shape(1) && queries.shape(2) == images.shape(2), "queries and images must be of one shape");
    require(images.shape(1) >= 1 && images.shape(2) >= 1 && images.shape(1) <= 4096 && images.shape(2) <= 4096, "images of 1 to 4096 pixels a side");
    require(penalties.shape(0) == penalties.shape(1) && penalties.shape(0) % 2 == 1 && penalties.shape(0) <= 2 * kMostShift + 1,
            "penalties must be square, of 1, 3, 5 or 7 a side");
    require(std::all_of(penalties.data(), penalties.data() + penalties.size(), [](std::uint16_t p) { return p <= kMostPenalty; }), "penalties of 2000 at most");
    require(0 <= window && window <= kMostSurroundings && n_threads >= 1, "a window of radius 0 to 2, n_threads at least 1");
    require(candidates.shape(0) == queries.shape(0) && distances.shape(0) == queries.shape(0) && distances.shape(1) == candidates.shape(1),
            "candidates and distances must be one row a query");
    const auto n = static_cast<std::int64_t>(images.shape(0));
    require(std::all_of(candidates.data(), candidates.data() + candidates.size(), [=](std::int64_t row) { return 0 <= row && row < n; }),
            "candidates must be rows of images");
    require(!fields || (fields->shape(0) == candidates.shape(0) && fields->shape(1) == candidates.shape(1) && fields->shape(2) == 2 &&
                        fields->shape(3) == images.shape(1) && fields->shape(4) == images.shape(2)), "fields must be queries x candidates x 2 x pixels");
    const Deformation d{static_cast<int>(images.shape(1)), static_cast<int>(images.shape(2)), static_cast<int>(penalties.shape(0)) / 2, window,
                        penalties.data(), padded(images.shape(2) + 2 * static_cast<std::size_t>(window), kDeformationStep)};
    const nb::gil_scoped_release release;
    deformation_distances(kernels_named(cpu), d, queries.data(), images.data(), candidates.data(), static_cast<std::int64_t>(queries.shape(0)),
                          static_cast<std::int64_t>(candidates.shape(1)), backward, n_threads, distances.data(), fields ? fields->data() : nullptr,
                          watch_of(candidates.size() * images.shape(1) * images.shape(2)));
}

// The table of (n, k) candidates, all of which are among `n_rows` rows.
CandidateTable table_of(const Stack<std::int64_t, 2>& indices, const Stack<double, 2>& distances, std::size_t n_rows) {
    require(indices.shape(0) == distances.shape(0) && indices.shape(1) == distances.shape(1) && indices.shape(1) >= 1,
            "indices and distances must be of one shape, of at least a column");
    const auto n = static_cast<std::int64_t>(n_rows);
    require(std::all_of(indices.data(), indices.data() + indices.size(), [=](std::int64_t row) { return 0 <= row && row < n; }),
            "indices must be rows");
    return {indices.data(), distances.data(), static_cast<std::int64_t>(indices.shape(0)), static_cast<std::int64_t>(indices.shape(1))};
}

void require_codes(const Stack<std::int32_t, 1>& codes, std::size_t n_classes) {
    const auto n = static_cast<std::int64_t>(n_classes);
    require(std::all_of(codes.data(), codes.data() + codes.size(), [=](std::int32_t code) { return 0 <= code && code < n; }),
            "codes must be in range(n_classes)");
}

void rescale_into(const Stack<std::int64_t, 2>& indices, const Stack<double, 2>& distances, const Stack<double, 1>& factors,
                  const MutableStack<std::int64_t, 2>& out_indices, const MutableStack<double, 2>& out_distances, int n_threads) {
    const CandidateTable table = table_of(indices, distances, factors.shape(0));
    for (std::size_t axis = 0; axis < 2; ++axis)
        require(out_indices.shape(axis) == indices.shape(axis) && out_distances.shape(axis) == indices.shape(axis), "tables must be of one shape");
    require(n_threads >= 1, "n_threads at least 1");
    const nb::gil_scoped_release release;
    rescale_table(table, factors.data(), n_threads, out_indices.data(), out_distances.data(), watch_of(indices.size()));
}

void sum_into(const Stack<std::int64_t, 2>& indices, const Stack<double, 2>& distances, const Stack<std::int32_t, 1>& codes,
              const Stack<std::int64_t, 1>& ks, const MutableStack<double, 3>& sums, int n_threads) {
    const CandidateTable table = table_of(indices, distances, codes.shape(0));
    require_codes(codes, sums.shape(2));
    require(sums.shape(0) == ks.shape(0) && sums.shape(1) == indices.shape(0), "sums must be ks x queries x classes");
    require(std::all_of(ks.data(), ks.data() + ks.size(), [](std::int64_t k) { return k >= 1; }), "ks at least 1");
    require(n_threads >= 1, "n_threads at least 1");
    const nb::gil_scoped_release release;
    sum_classes(table, codes.data(), static_cast<std::int64_t>(sums.shape(2)), ks.data(), static_cast<std::int64_t>(ks.shape(0)), n_threads,
                sums.data(), watch_of(indices.size() * ks.size()));
}

void hyperplanes_into(const Stack<std::int8_t, 2>& queries, const Stack<std::int8_t, 2>& rows, const Stack<std::int64_t, 2>& indices,
                      const Stack<double, 2>& distances, const Stack<std::int32_t, 1>& codes, int k, double ridge,
                      const MutableStack<double, 2>& out, int n_threads) {
    const CandidateTable table = table_of(indices, distances, rows.shape(0));
    require(codes.shape(0) == rows.shape(0), "codes must be one a row");
    require_codes(codes, out.shape(1));
    require(queries.shape(1) == rows.shape(1) && rows.shape(1) <= (std::size_t{1} << 16), "queries and rows of one width, at most 65536");
    require(queries.shape(0) == indices.shape(0) && out.shape(0) == indices.shape(0), "one row a query");
    require(1 <= k && k <= kMostNearest && ridge >= 0 && n_threads >= 1, "k of 1 to 32, ridge at least 0, n_threads at least 1");
    const Hyperplanes hyperplanes{queries.data(), rows.data(), static_cast<std::int64_t>(rows.shape(1)), k, ridge};
    const nb::gil_scoped_release release;
    hyperplane_distances(hyperplanes, table, codes.data(), static_cast<std::int64_t>(out.shape(1)), n_threads, out.data(),
                         watch_of(indices.size() + out.size() * static_cast<std::size_t>(k) * rows.shape(1)));
}

}  // namespace

void bind_matching(nb::module_& m) {
    m.def("normalize_strokes", &normalize_into, "images"_a, nb::kw_only(), "target_x"_a, "target_y"_a, "out"_a, "n_threads"_a = 1,
          "Take slant and half of the size from handwriting; see src/core/strokes.hpp.");
    m.def("stroke_extents", &extents_into, "images"_a, nb::kw_only(), "out"_a, "n_threads"_a = 1,
          "Standard deviations of the ink along x and y; see src/core/strokes.hpp.");
    m.def("orient_gradients", &orient_into, "images"_a, nb::kw_only(), "down"_a, "across"_a, "root"_a, "out"_a, "cpu"_a, "n_threads"_a = 1,
          "Histograms of oriented gradients; see src/core/gradients.hpp.");
    m.def("product", &product_into, "rows"_a, "basis"_a, nb::kw_only(), "out"_a, "cpu"_a,
          "The matrix product; unlike BLAS's, a row has the same bits in all company, on every processor.");
    m.def("deformation_distances", &deform_into, "queries"_a, "images"_a, "candidates"_a, nb::kw_only(), "penalties"_a, "window"_a,
          "backward"_a, "distances"_a, "fields"_a.none() = nb::none(), "cpu"_a, "n_threads"_a = 1,
          "Distances between images whose pixels may move; see src/core/deformation.hpp.");
    m.def("rescale_table", &rescale_into, "indices"_a, "distances"_a, nb::kw_only(), "factors"_a, "out_indices"_a, "out_distances"_a,
          "n_threads"_a = 1, "Multiply distances by factors of their rows and sort; see src/core/matching_table.hpp.");
    m.def("sum_classes", &sum_into, "indices"_a, "distances"_a, nb::kw_only(), "codes"_a, "ks"_a, "sums"_a, "n_threads"_a = 1,
          "Sums of the k smallest distances to each class; see src/core/matching_table.hpp.");
    m.def("hyperplane_distances", &hyperplanes_into, "queries"_a, "rows"_a, "indices"_a, "distances"_a, nb::kw_only(), "codes"_a, "k"_a,
          "ridge"_a, "out"_a, "n_threads"_a = 1, "Squared distances to local hyperplanes; see src/core/matching_table.hpp.");
}

}  // namespace lookalike
