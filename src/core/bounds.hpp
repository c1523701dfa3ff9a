// Cheap lower bounds of Euclidean distances, and the quantisation of rows for them.
//
// A row x is centred and projected: u = W'x with spectral norm |W| <= 1. Then
// r(x)^2 = |x|^2 - |W'x|^2 is the square of a seminorm, and for every pair
//
//     |W'q - W'x|^2 + (r(q) - r(x))^2  <=  |q - x|^2,
//
// because r(q - x) >= |r(q) - r(x)|. One projection gives the first two of these bounds:
//
//     fine     z = u[0:a] + r_a v        a coordinates, for every pair
//     coarse   u[0:a] | u[a:c] + r_c w   c coordinates, for the remaining pairs
//     wide     x                         all coordinates, instead of the coarse one (wide.hpp)
//
// where v and w are unit vectors orthogonal to the range of the columns they are added to, so that the
// residual norm needs no coordinate of its own. (The mean of r is subtracted, a translation.)
//
// Where no projection pays, a = d and u is x itself, or x rotated if its coordinates differ much in size: a rotation
// changes no distance.
//
// Quantised, z = s z^ + error: s |z^q - z^x| <= d + e_q + e_x by the triangle inequality, where
// e is the measured quantisation error plus a bound of all rounding before it.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "aligned.hpp"
#include "kernels.hpp"

namespace lookalike {

enum class Metric { squared_euclidean, cosine, manhattan };
enum class DType { u8, i8, i16, f32, f64, f16, bf16 };

// Floats of 16 bits. Rows are stored in them, and converted one at a time: no kernel computes with them.
struct Float16 {
    std::uint16_t bits;
    // The bits of the exponent and the fraction, as a float, stand for the value times 2^-112, denormal ones too.
    explicit operator float() const {
        const std::uint32_t size = static_cast<std::uint32_t>(bits & 0x7fff) << 13;
        float value;
        std::memcpy(&value, &size, sizeof value);
        value *= 5.192296858534828e33f;  // 2^112
        if (size >= 0x0f800000) value = std::numeric_limits<float>::infinity();  // or NaN
        return bits & 0x8000 ? -value : value;
    }
    explicit operator double() const { return static_cast<float>(*this); }
};
struct BFloat16 {
    std::uint16_t bits;
    explicit operator float() const {
        const std::uint32_t word = static_cast<std::uint32_t>(bits) << 16;
        float value;
        std::memcpy(&value, &word, sizeof value);
        return value;
    }
    explicit operator double() const { return static_cast<float>(*this); }
};

// Calls `visitor` with a value of the type of a dtype that kernels compute with.
template <class Visit> decltype(auto) visit(DType dtype, Visit visitor) {
    switch (dtype) {
        case DType::u8: return visitor(std::uint8_t{});
        case DType::i8: return visitor(std::int8_t{});
        case DType::i16: return visitor(std::int16_t{});
        case DType::f32: return visitor(float{});
        default: return visitor(double{});
    }
}

// The same for every dtype.
template <class Visit> decltype(auto) visit_stored(DType dtype, Visit visitor) {
    if (dtype == DType::f16) return visitor(Float16{});
    if (dtype == DType::bf16) return visitor(BFloat16{});
    return visit(dtype, visitor);
}

struct Rows {
    const void* data;
    std::int64_t n;
    std::int64_t d;
    DType dtype;
    bool on_disk = false;  // in a mapped file that does not fit in memory

    std::int64_t row_bytes() const {
        return d * visit_stored(dtype, [](auto value) { return static_cast<std::int64_t>(sizeof(value)); });
    }
    const char* row(std::int64_t i) const { return static_cast<const char*>(data) + i * row_bytes(); }
};

// Whether rows can be compared with queries of another dtype, to which they are converted without a copy of all.
constexpr bool are_converted(DType rows, DType queries) {
    const bool is_half = rows == DType::f16 || rows == DType::bf16;
    return (is_half && queries == DType::f32) || ((is_half || rows == DType::f32) && queries == DType::f64);
}

// The rows as values of type T, to which they are converted one at a time if they are stored in fewer bits.
template <class T> class RowsAs {
public:
    explicit RowsAs(const Rows& rows) : rows_(rows), is_stored_(rows.dtype < DType::f16 && visit(rows.dtype, [](auto type) {
                                            return std::is_same_v<decltype(type), T>;
                                        })) {}

    // Rows i … i + n - 1, valid until the next call.
    const T* from(std::int64_t i, std::int64_t n) {
        if (is_stored_) return static_cast<const T*>(rows_.data) + i * rows_.d;
        const std::size_t count = static_cast<std::size_t>(n * rows_.d);
        if (buffer_.size() < count) buffer_.resize(count);
        if constexpr (std::is_floating_point_v<T>)
            visit_stored(rows_.dtype, [&](auto type) {
                using Stored = decltype(type);
                const Stored* row = static_cast<const Stored*>(rows_.data) + i * rows_.d;
                for (std::size_t j = 0; j < count; ++j) buffer_[j] = static_cast<T>(static_cast<float>(row[j]));
            });
        return buffer_.data();
    }
    const T* operator[](std::int64_t i) { return from(i, 1); }

private:
    Rows rows_;
    bool is_stored_;
    std::vector<T> buffer_;
};

// A projection, which Python chooses from a sample of the rows.
struct Projection {
    std::vector<float> mean;      // d
    std::vector<float> signs;     // d: of the rotation; or empty, for none
    Aligned<float> basis;         // d x stride at basis_place, or empty
    // For bytes: a basis of 16-bit integers, with a step for each column; `mean` is then integer too.
    Aligned<std::int32_t> pairs;           // (d + 1) / 2 x stride at basis_place, as pair_of, or empty
    std::vector<float> steps;              // stride
    std::vector<std::int32_t> mean_sums;   // stride: the products of the mean with the columns
    std::vector<float> residual;  // columns: v in the first `fine`, w in the others; zeros: no residual
    // Subtracted from residual norms r_a and r_c: distances stay the same, coordinates get smaller.
    float residual_mean[2] = {0, 0};
    int fine = 0;                 // a
    int columns = 0;              // c
    int stride = 0;               // columns rounded up to kColumnStep
    // Steps are floats, the exact numbers that quantisation multiplies with.
    float fine_scale = 1;         // one step of z
    float coarse_scale[2] = {1, 1};  // one step of u[0:a], of u[a:c] + r_c w
    float wide_scale = 0;         // one step of x; 0: no wide bound

    bool is_identity() const { return basis.empty() && pairs.empty(); }
};

// One thread's projections of a few rows, before quantisation.
struct Projected {
    std::vector<float> centred;         // n x d, or
    std::vector<std::int32_t> pairs;    // n x (d + 1) / 2
    std::vector<std::int32_t> sums;     // n x stride: integer sums
    std::vector<double> squares;        // n: |x|^2, centred
    std::vector<float> columns;         // n x stride: W'x
    std::vector<float> fine;            // n x a: z of the fine bound
    std::vector<float> coarse;          // n x c: z of the coarse bound
    std::vector<double> fine_rounding;  // n: bound of all rounding in z, in distance
    std::vector<double> coarse_rounding;
};

// A step of the rotation rounds each value once. There are at most three parts of 16 steps each and one scaling.
constexpr double kRotationRounding = 3 * 17.0 / (1 << 24);

// Error bound of centring a row and of the few sums of each coordinate, relative to its length.
constexpr double kOwnRounding = 8.0 / (1 << 24);

// A product of kernels.project over d values has an error of at most this times the lengths of both vectors.
constexpr double product_rounding(std::int64_t d) {
    return static_cast<double>(kProjectionBlock + d / kProjectionBlock + 4) / (1 << 24);
}

// Row i less the mean, rounded once to float; for cosine the row is first scaled to unit length. Returns whether it is
// a vector of zeros, which has no such length.
bool centre(const Kernels& kernels, const Projection& projection, Metric metric, const Rows& rows, std::int64_t i, float* out);

// Projects the n rows which[0 … n - 1]. For cosine they are scaled to unit length.
void project(const Kernels& kernels, const Projection& projection, Metric metric, const Rows& rows,
             const std::int64_t* which, int n, Projected& out);

// |x|^2 of row i, exact for integers.
double square_of(const Kernels& kernels, const Rows& rows, std::int64_t i);

}  // namespace lookalike
