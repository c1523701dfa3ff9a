// The smallest test framework that serves: checks count and print, report() is main's result.
//
//   int main() {
//       CHECK(is_sorted(row));
//       CHECK_EQUAL(dot(a, b), 6);
//       return report();
//   }
//
// A failed check does not end the program, so that one run shows all that is wrong. A program
// that checked nothing fails. Checks belong to the main thread.
#pragma once

#include <cstdint>
#include <iostream>

struct Checks {
    long passed = 0;
    long failed = 0;
};

inline Checks checks;

inline bool check(bool passed, const char* file, int line, const char* what) {
    ++(passed ? checks.passed : checks.failed);
    if (!passed) std::cerr << file << ':' << line << ": failed: " << what << '\n';
    return passed;
}

// Bytes print as numbers.
template <class T> const T& shown(const T& value) { return value; }
inline int shown(std::int8_t value) { return value; }
inline int shown(std::uint8_t value) { return value; }

template <class Left, class Right>
void check_equal(const Left& left, const Right& right, const char* file, int line, const char* what) {
    if (!check(left == right, file, line, what))
        std::cerr << "    " << shown(left) << " != " << shown(right) << '\n';
}

#define CHECK(condition) check(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(left, right) check_equal(left, right, __FILE__, __LINE__, #left " == " #right)

inline int report() {
    std::cout << checks.passed << " passed, " << checks.failed << " failed\n";
    return checks.failed == 0 && checks.passed > 0 ? 0 : 1;
}
