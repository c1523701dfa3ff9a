// The filtered search for Manhattan distances (manhattan.hpp): a sum of absolute differences of bytes bounds every
// distance from below. Rows that the filter cannot reject become candidates (candidates.hpp); the exact k-th distance
// of a query is its radius.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "candidates.hpp"

namespace lookalike {

template <class Distance> class RankedManhattan final : public Candidates<Distance> {
    using Base = Candidates<Distance>;
    using Base::index_, Base::panels_, Base::request_, Base::scores_, Base::survivors_, Base::thresholds_;

public:
    RankedManhattan(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, std::int64_t block, Job& job)
        : Base(index, request, std::move(pair), block, job, panel_bytes(index)), codes_(*index.codes()), bytes_(block * codes_.width()), errors_(block) {}

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, const Request& request) {
        return Base::bytes_of_candidates(index, request, panel_bytes(index)) + index.codes()->width() + 8;
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        Base::take(ids, n);
        for (int i = 0; i < n; ++i)
            errors_[i] = codes_.encode(index_.kernels(), request_.queries, ids[i], bytes_.data() + i * std::int64_t{codes_.width()}, scratch_);
        // Few rows give each query a first radius, before many are added.
        std::int64_t some = std::min(panels_, std::max(kFewPanels, 4 * request_.k / kPanelRows));
        for (std::int64_t begin = 0; begin < codes_.count() && !Base::job_.is_stopped(); begin += std::exchange(some, std::min(panels_, 4 * some))) {
            visit_block(n, begin, std::min(codes_.count(), begin + some));
            for (int i = 0; i < n && some < panels_; ++i) thin_out(i);
        }
        Base::settle_all(n);
        Base::write(n, answer);
    }

private:
    static std::int64_t panel_bytes(const Index& index) { return std::max(index.codes()->width(), kAbsoluteStep) * std::int64_t{kPanelRows}; }

    static constexpr std::int64_t kFewPanels = 4;

    void visit_block(int n, std::int64_t begin, std::int64_t end) {
        const Filter filter{bytes_.data(), thresholds_.data(), n, codes_.width(), codes_.panels(), codes_.penalties() + begin * kPanelRows,
                            nullptr, true, scores_.get()};
        const std::size_t count = index_.kernels().absolute_filter(filter, begin, end, survivors_.get());
        for (std::size_t j = 0; j < count; ++j) {
            const Survivor s = survivors_[j];
            if (scores_[j] < thresholds_[s.query] || s.row >= index_.rows().n || excluded(request_, Base::ids_[s.query], s.row)) continue;
            Base::add(s.query, scores_[j], s.row);
        }
    }

    std::int32_t row_at(std::int32_t position) const override { return position; }
    void thin_out(int i) override { Base::settle(i, i + 1, Base::k_); }
    void tighten(int i, double radius) override { thresholds_[i] = std::max(thresholds_[i], codes_.threshold(radius, errors_[i])); }

    const ManhattanCodes& codes_;
    std::vector<std::uint8_t> bytes_;  // levels of the block's queries
    std::vector<double> errors_;
    ManhattanCodes::Scratch scratch_;
};

}  // namespace lookalike
