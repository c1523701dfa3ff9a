// A k-d tree (Bentley 1975) of rows of few values, for exact search: it visits few of its leaves, where an index
// visits all rows.
//
// Rows are split at the median of their widest coordinate, down to leaves of kTreeLeaf rows. Three such splits are one
// node, so that a query meets the boxes of kTreeLanes children at once, and the rows of a leaf likewise (tree_impl.hpp).
// All leaves but the last are full: leaf i is in node i / 8^l of level l, and no node needs a pointer.
//
// A box is left out if its distance b from the query, computed in float64, is above the k-th best distance so far, or
// equal to it and the box has only higher rows. That is exact, without any slack for rounding. Let x be a row in the
// box [low, high], q the query, and fl the rounding of one operation, which is monotonic: u <= v implies fl(u) <= fl(v).
// In each coordinate low <= x <= high, hence
//
//     fl(low - q) <= fl(x - q)   and   fl(q - high) <= fl(q - x),   so   max(fl(low - q), fl(q - high), 0) <= |fl(x - q)|.
//
// The squares of both sides, and sums of them in one order, keep that order, because fl is monotonic and no term is
// negative. The distance of x is summed in the order of b, so b is at most that, to the last bit. Distances are those
// of the kernels of an index: float64 holds each value of a row of any dtype, and each sum over integers, exactly.
#pragma once

#include <cstdint>
#include <vector>

#include "aligned.hpp"
#include "bounds.hpp"
#include "search.hpp"

namespace lookalike {

class Tree {
public:
    // Copies the rows, which have at most kMostTreeWidth finite values. Without splits they keep their order: that takes a
    // fraction of the time, and is enough for a few queries.
    Tree(const Kernels& kernels, Metric metric, const Rows& rows, bool split);

    std::int64_t n() const { return n_; }
    std::int64_t d() const { return d_; }
    std::size_t bytes() const;

private:
    friend class TreeSearch;
    friend void search(const Tree& tree, const Request& request, Answer& answer, Job& job, const Watch& watch);

    // The boxes of all leaves, or of all nodes of the level below. Those of one node follow each other, and places
    // without a box are infinitely far.
    struct Level {
        Level(std::int64_t count, std::int64_t d);
        void extend(std::int64_t box, std::int64_t axis, double least, double most);
        double* ends(std::int64_t box, std::int64_t axis);

        std::int64_t n_boxes, width;
        Aligned<double> boxes;                  // in each node by value: lower ends, upper ends
        std::vector<std::int32_t> lowest_rows;  // of each box
    };

    // The numbers of some queries, those of one part of the tree in a row: they visit the same boxes and rows.
    std::vector<std::int64_t> by_place(const Request& request, std::int64_t first, std::int64_t count, Job& job,
                                       const Watch& watch) const;
    template <class T> void add_leaf(const T* rows, std::int64_t leaf);

    std::int64_t n_, d_;
    bool is_square_;
    TreeKernels kernels_;
    Aligned<double> rows_;             // by leaf, block and value
    std::vector<std::int32_t> order_;  // place in the leaves -> row
    std::vector<Level> levels_;        // from that of the leaves up to one of a single node
};

// As the search in an index (search.hpp), for queries of any dtype.
void search(const Tree& tree, const Request& request, Answer& answer, Job& job, const Watch& watch);

}  // namespace lookalike
