// Rows and whole-pixel shifts of their images, without a copy of any shifted image.
//
// A shift S moves an image by (dy, dx) pixels and fills with zeros; its adjoint S' moves it back.
// Exactly, and in integers,
//
//     |q - Sx|^2 = |S'q - x|^2 + lost(S', q) - lost(S, x),    lost(S, x) = |x|^2 - |Sx|^2,
//
// where lost(S, x) is the part of x that leaves the frame. So the rows themselves are searched, with a
// few shifted copies of each query; only bounds of what each row can lose are stored.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "bounds.hpp"
#include "parallel.hpp"

namespace lookalike {

struct Shift {
    int dy = 0, dx = 0;  // down, right
    Shift back() const { return {-dy, -dx}; }
};

struct Shifts {
    int height = 0, width = 0, channels = 1;  // shape of the rows as images
    std::vector<Shift> list;                  // the first is the identity

    int count() const { return static_cast<int>(list.size()); }
};

template <class T> using SumOf = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

// out = S x.
template <class T> void shift_image(const Shifts& shifts, Shift by, const T* image, T* out);

// |x|^2 - |Sx|^2, exact for integers.
template <class T> SumOf<T> lost(const Shifts& shifts, Shift by, const T* image);

// Upper bounds of lost(S, x) for every row and shift. A shift removes bands at two edges at most; the sum over
// each band is stored as a byte.
class EdgeInk {
public:
    EdgeInk() = default;
    explicit EdgeInk(const Shifts& shifts);

    // The rows order[first … ] are at the positions first ….
    void add(const Shifts& shifts, const Rows& rows, const Stored<std::int32_t>& order, std::int64_t first);

    // lost(S, x) is at most this many units; kUnbounded: unknown.
    int bound(int which, std::int64_t position) const {
        const Bands& bands = of_shift_[static_cast<std::size_t>(which)];
        const int a = at(bands.vertical, position), b = at(bands.horizontal, position);
        return a == kMostUnits || b == kMostUnits ? kUnbounded : a + b;
    }
    // The same for positions [begin, begin + n). Returns false, and writes nothing, if all are 0.
    bool bounds(int which, std::int64_t begin, std::int64_t n, int* out) const;
    double unit() const { return unit_; }
    // Shows the numbers of all bands, see(number of the band, numbers).
    template <class Self, class See> static void each(Self& self, const See& see) {
        for (std::size_t b = 0; b < self.bands_.size(); ++b) see(b, self.bands_[b].sums);
    }
    void restore(double unit) { unit_ = unit; }

    static constexpr int kUnbounded = 1 << 20;

private:
    static constexpr int kMostUnits = 255;

    struct Band {
        int edge;   // 0 top, 1 bottom, 2 left, 3 right
        int depth;  // pixels
        Stored<std::uint8_t> sums;  // one per position, in units rounded up; kMostUnits: no bound
    };
    struct Bands {
        int vertical = -1, horizontal = -1;
    };

    int band(int edge, int depth) const;
    std::uint8_t at(int band, std::int64_t position) const {
        return band < 0 ? std::uint8_t{0} : bands_[static_cast<std::size_t>(band)].sums[static_cast<std::size_t>(position)];
    }

    std::vector<Band> bands_;
    std::vector<Bands> of_shift_;
    double unit_ = 0;
};

}  // namespace lookalike
