// Cheap lower bounds of Manhattan distances: sums of absolute differences of bytes.
//
// Let s_g(x) be the sum of the coordinates of x in group g, each coordinate being in one group at most. Then
//
//     sum over g of |s_g(x) - s_g(y)|  <=  |x - y|
//
// by the triangle inequality in each group. Let t_g(x) be (s - low_g) / step, where s is s_g(x) clipped to [low_g,
// high_g]: clipping brings no two numbers farther apart, so step |t_g(x) - t_g(y)| <= |s_g(x) - s_g(y)|. Let c_g be t_g
// rounded to whole numbers, and e(x) the sum of all |c_g(x) - t_g(x)|. Then
//
//     step (sum over g of |c_g(x) - c_g(y)| - e(x) - e(y))  <=  |x - y|.
//
// Ranges are of 255 b_g steps. A level c_g takes b_g bytes, of which byte j is c_g - 255 j, clipped to [0, 255]. These add up to c_g and none of
// them falls where c_g rises, so that the absolute differences of the bytes add up to |c_g(x) - c_g(y)|: groups with
// long ranges have the same step as all others, and are no more than a few bytes more.
//
// Rounding in double. (s - low) * inverse has three roundings, one of them of `inverse`: the level is wrong by less
// than 2^-50 of itself, hence of 255 b_g. A sum of m values has m - 1 roundings, each
// of at most 2^-53 of the sum of their absolute values. Both are added to e. (Sums and differences have no error
// where they underflow, and that of the product is far below 2^-50.)
#pragma once

#include <cstdint>
#include <vector>

#include "aligned.hpp"
#include "bounds.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// The groups and their levels, which Python chooses from a sample of the rows.
struct ManhattanCoding {
    std::vector<std::int32_t> coordinates;  // of group 0, of group 1, and so on
    std::vector<std::int32_t> ends;         // where the coordinates of each group end
    std::vector<double> lows;
    std::vector<std::int32_t> bytes;        // b_g; 0: the group is left out
    double step = 1;
};

// Scores stay within +-2^29: they are sums of at most so many bytes.
constexpr std::int64_t kMostCoded = 1 << 21;

// The levels of the rows, in panels.
class ManhattanCodes {
public:
    explicit ManhattanCodes(ManhattanCoding coding);

    struct Scratch {
        std::vector<double> sums;
        std::vector<std::int32_t> levels;
        std::vector<std::uint8_t> bytes;
    };

    // Writes the `width` bytes of row i; returns e, in steps.
    double encode(const Kernels& kernels, const Rows& rows, std::int64_t i, std::uint8_t* out, Scratch& scratch) const;
    // Appends rows first … rows.n - 1; returns whether their values are finite.
    bool append(const Kernels& kernels, const Rows& rows, std::int64_t first, int n_threads, const Watch& watch);

    // Rows whose score with a query is lower are farther than this, if the query has this e.
    std::int32_t threshold(double radius, double error) const;

    int width() const { return width_; }
    const std::int8_t* panels() const { return panels_.data(); }
    const std::int32_t* penalties() const { return penalties_.data(); }
    std::int64_t count() const { return static_cast<std::int64_t>(penalties_.size()) / kPanelRows; }
    static std::size_t padded(std::int64_t n) { return static_cast<std::size_t>((n + kPanelRows - 1) / kPanelRows * kPanelRows); }
    // Shows the numbers by their names, see(name, numbers).
    template <class Self, class See> static void each(Self& self, const See& see) {
        see("levels", self.panels_);
        see("level_penalties", self.penalties_);
    }

private:
    ManhattanCoding coding_;
    std::vector<double> highs_;  // low_g + 255 b_g step
    double sum_rounding_ = 0;   // of a row's sums, relative to the sum of its absolute values
    bool plain_ = true;         // b_g is 1 for all groups
    int width_ = 0;             // bytes of a row, a multiple of kAbsoluteStep
    Stored<std::int8_t> panels_;
    Stored<std::int32_t> penalties_;  // less than -e, in whole steps
};

}  // namespace lookalike
