#include "harness/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace shmbus::bench {
namespace {

struct Ranked {
  double value;
  bool from_a;
};

struct RankSum {
  double a = 0;         // sum of the ranks of set a, ties sharing their mean rank
  double tie_term = 0;  // sum of t^3 - t over groups of t ties
};

RankSum rank(std::span<const double> a, std::span<const double> b) {
  std::vector<Ranked> all;
  for (const double value : a) {
    all.push_back({value, true});
  }
  for (const double value : b) {
    all.push_back({value, false});
  }
  std::sort(all.begin(), all.end(),
            [](const Ranked& x, const Ranked& y) { return x.value < y.value; });
  RankSum sum;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first;
    while (last < all.size() && all[last].value == all[first].value) {
      ++last;
    }
    const double mean_rank = (static_cast<double>(first + 1) + static_cast<double>(last)) / 2;
    const double ties = static_cast<double>(last - first);
    sum.tie_term += ties * ties * ties - ties;
    for (; first < last; ++first) {
      sum.a += all[first].from_a ? mean_rank : 0;
    }
  }
  return sum;
}

// P(U <= u) by counting the arrangements of n and m values with each U.
double exact_lower_tail(std::size_t n, std::size_t m, std::size_t u) {
  // ways[k][s]: choices of k of the first i ranks whose U statistic is s
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(n * m + 1, 0.0));
  ways[0][0] = 1;
  for (std::size_t i = 1; i <= n + m; ++i) {
    for (std::size_t k = std::min(i, n); k >= 1; --k) {
      // taking rank i as the k-th adds the i-k values of the other set below it
      const std::size_t below = i - k;
      if (below > m) {
        continue;
      }
      for (std::size_t s = below; s <= n * m; ++s) {
        ways[k][s] += ways[k - 1][s - below];
      }
    }
  }
  double total = 0;
  double lower = 0;
  for (std::size_t s = 0; s <= n * m; ++s) {
    total += ways[n][s];
    lower += s <= u ? ways[n][s] : 0;
  }
  return lower / total;
}

}  // namespace

double quantile_of(std::vector<double> values, double fraction) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const double at = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (at - static_cast<double>(below));
}

double relative_spread(const std::vector<double>& values) {
  const double median = median_of(values);
  return median == 0 ? 0 : (quantile_of(values, 0.75) - quantile_of(values, 0.25)) / median;
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) {
    return 1;
  }
  constexpr std::size_t kExactMax = 400;  // n * m; the normal approximation is good long before
  const double n = static_cast<double>(a.size());
  const double m = static_cast<double>(b.size());
  const RankSum ranks = rank(a, b);
  const double u_a = ranks.a - n * (n + 1) / 2;
  const double u = std::min(u_a, n * m - u_a);
  if (ranks.tie_term == 0 && a.size() * b.size() <= kExactMax) {
    return std::min(1.0, 2 * exact_lower_tail(a.size(), b.size(), static_cast<std::size_t>(u)));
  }
  const double all = n + m;
  const double variance = n * m / 12 * (all + 1 - ranks.tie_term / (all * (all - 1)));
  if (variance <= 0) {
    return 1;
  }
  const double z = std::max(0.0, n * m / 2 - u - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

}  // namespace shmbus::bench
