// The statistics under the figures: quantiles, histograms and the significance test.

#include "harness/statistics.hpp"

#include <cmath>
#include <vector>

#include "harness/latency_histogram.hpp"
#include "harness/steps.hpp"
#include "support/catch.hpp"

using namespace shmbus::bench;

TEST_CASE("medians and spreads of few values") {
  CHECK(median_of({3, 1, 2}) == 2);
  CHECK(median_of({4, 1, 2, 3}) == 2.5);
  CHECK(median_of({}) == 0);
  CHECK(relative_spread({8, 9, 10, 11, 12}) == Approx(0.2));
}

TEST_CASE("a histogram's quantiles are within one percent") {
  LatencyHistogram histogram;
  constexpr std::uint64_t kValues = 100'000;
  for (std::uint64_t value = 1; value <= kValues; ++value) {
    histogram.record(value);
  }
  CHECK(histogram.total() == kValues);
  CHECK(histogram.max() == kValues);
  for (const double fraction : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = fraction * static_cast<double>(kValues);
    CHECK(std::fabs(histogram.quantile(fraction) - exact) <= std::fmax(1, 0.01 * exact));
  }
}

TEST_CASE("a histogram's buckets meet without gaps") {
  for (std::size_t bucket = 1; bucket < LatencyHistogram::kBuckets; ++bucket) {
    const std::uint64_t edge = LatencyHistogram::lower_edge(bucket);
    REQUIRE(LatencyHistogram::bucket_of(edge) == bucket);
    REQUIRE(LatencyHistogram::bucket_of(edge - 1) == bucket - 1);
  }
  CHECK(LatencyHistogram::bucket_of(~std::uint64_t{0}) == LatencyHistogram::kBuckets - 1);
}

TEST_CASE("merged histograms hold the values of both") {
  LatencyHistogram a;
  LatencyHistogram b;
  a.record(10);
  b.record(20);
  b.record(30);
  a.merge(b);
  CHECK(a.total() == 3);
  CHECK(a.max() == 30);
  CHECK(a.quantile(0.5) == 20);
}

TEST_CASE("the significance test agrees with known values") {
  // Exact two-sided p of complete separation is 2 / (n + m choose n).
  const std::vector<double> low{1, 2, 3, 4, 5};
  const std::vector<double> high{6, 7, 8, 9, 10};
  CHECK(mann_whitney_p(low, high) == Approx(2.0 / 252));
  CHECK(mann_whitney_p(high, low) == Approx(2.0 / 252));
  // Interleaved sets: nothing to see.
  const std::vector<double> a{1, 4, 5, 8, 9.5};
  const std::vector<double> b{2, 3, 6, 7, 10};
  CHECK(mann_whitney_p(a, b) > 0.8);
  // All equal: no evidence whatever.
  CHECK(mann_whitney_p(std::vector<double>(9, 1.0), std::vector<double>(9, 1.0)) == 1);
  CHECK(mann_whitney_p({}, low) == 1);
}

TEST_CASE("the normal approximation takes over where the exact test would be slow") {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 40; ++i) {
    a.push_back(i);
    b.push_back(i + 0.5);
  }
  CHECK(mann_whitney_p(a, b) > 0.5);
  for (double& value : b) {
    value += 20;
  }
  CHECK(mann_whitney_p(a, b) < 1e-6);
}

TEST_CASE("a step is a size that costs much more than the one below") {
  const auto call = [](std::size_t bytes, double ns) {
    Figure figure;
    figure.name = "call.size." + std::to_string(bytes) + "B";
    figure.payload = bytes;
    figure.value = ns;
    figure.placement = "shared L3";
    return figure;
  };
  std::vector<Figure> figures{call(64, 190), call(40, 115), call(128, 230), call(48, 120)};
  const std::vector<Step> steps = steps_of(figures);
  REQUIRE(steps.size() == 3);  // in the order of sizes
  CHECK(steps[0].to == 48);
  CHECK_FALSE(steps[0].is_step());
  CHECK(steps[1].to == 64);
  CHECK(steps[1].rise == Approx(190.0 / 120 - 1));
  CHECK(steps[1].is_step());
  CHECK_FALSE(steps[2].is_step());  // 21 %, above 96 bytes
  CHECK(steps_text(steps).find("a step") != std::string::npos);

  figures[0].placement = "no shared L3";
  CHECK(steps_of(figures).size() ==
        1);  // 40 to 48: the others have no neighbour of their placement

  Figure slower = call(96, 0);
  Figure faster = call(88, 0);
  for (Figure* figure : {&slower, &faster}) {
    figure->name = "oneway.size." + std::to_string(figure->payload) + "B";
    figure->unit = Unit::per_second;
  }
  faster.value = 50e6;
  slower.value = 40e6;
  const std::vector<Step> rates = steps_of({slower, faster});
  REQUIRE(rates.size() == 1);
  CHECK(rates[0].rise == Approx(0.25));
  CHECK(rates[0].is_step());
}
