// Quantised rows and queries of the filter: bytes in whole steps, with rows packed in panels.
//
// A row's score with a query is their dot product of bytes less the row's penalty; scores fall as
// distances grow. Every query has a threshold: a row that scores less is certainly farther than its radius.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "aligned.hpp"
#include "kernels.hpp"

namespace lookalike {

// A threshold that every row reaches, and one that only rows reach that must not be rejected. Scores of
// others stay well within +-2^28.7, whatever can be lost to shifts added (kMostLost), because sums of the squared
// levels of a row or query are at most kMostSquares.
constexpr std::int32_t kAcceptAll = -(1 << 29), kRejectMost = 450'000'000, kMostLost = 900'000'000;
constexpr std::int64_t kMostSquares = 160'000'000;
// Covers the rounding of exact distances in double and the inexact orthogonality of residuals.
constexpr double kSlack = 1 + 1e-5;

// The root of a sum of d squared errors, which is rounded in float, in sixteen lanes.
inline double length_of(double squares, int d) { return std::sqrt(squares) * (1 + 1e-5 + 2e-9 * d); }

struct Panels {
    // For rows of this many coordinates, quantised in these steps.
    void shape(const Kernels& kernels, int coordinates_, float step_);

    int coordinates = 0;              // 0: no panels
    int width = 0;                    // the same rounded up to kPanelStep
    float step = 1;                   // step of a row
    float query_step = 1;
    double error = 0;                 // largest e_x among the rows that may be rejected
    Stored<std::int8_t> rows;         // padded to whole groups of panels
    Stored<std::int32_t> penalties;   // kernels.filter's, padded

    std::int64_t count() const { return static_cast<std::int64_t>(penalties.size()) / kPanelRows; }
    // The number of n rows padded to whole groups.
    static std::size_t padded(std::int64_t n);
    // Makes room for n rows.
    void resize(std::int64_t n);
    void put(std::int64_t position, const std::int8_t* levels, std::int32_t penalty);

    // Quantises a row whose coordinates together have an error of `rounding`; returns its penalty. `error` grows
    // to the row's error, unless the row is so far out that it must never be rejected.
    std::int32_t quantise_row(const Kernels& kernels, const float* z, double rounding, std::int8_t* levels,
                              double& largest_error) const;

    // Computes the penalties of n rows again, for kernels other than those they were quantised with.
    void penalise(const Kernels& kernels, std::int64_t n);

    // Change of a squared distance per unit of a score.
    double step_product() const { return 2 * static_cast<double>(query_step) * static_cast<double>(step); }
    // d <= r means |z^q - z^x| <= r + e_q + e_x = limit, that is, a score of at least this.
    std::int32_t threshold(double query_square, double limit) const;


private:
    std::int32_t penalty(const Kernels& kernels, std::int32_t square, std::int32_t sum) const;
};

// Queries quantised for the panels of an index.
struct QueryLevels {
    QueryLevels(const Kernels& kernels, const Panels& panels, std::int64_t n);

    std::vector<std::uint8_t> bytes;  // n x width
    std::vector<double> squares;      // |s_q z^q|^2
    std::vector<double> errors;       // e_q; not finite if the filter must not be used

    void put(const Kernels& kernels, const Panels& panels, std::int64_t at, const float* z, double rounding);
    static std::int64_t bytes_of_one(const Panels& panels) { return panels.width ? panels.width + 16 : 0; }
};

}  // namespace lookalike
