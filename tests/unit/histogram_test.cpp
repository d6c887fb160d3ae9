// The log-linear histograms: buckets cover all values in order, the middle of a bucket is within
// 6.25 % of what was recorded, and quantiles of known data come out right.
#include "stats/histogram.hpp"

#include <memory>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace shmbus;
using stats::bucket_low_ns;
using stats::bucket_middle_ns;
using stats::bucket_of;

TEST_CASE("buckets are contiguous and in order", "[histogram]") {
  for (std::uint32_t i = 0; i + 1 < layout::histogram_buckets; ++i) {
    REQUIRE(bucket_low_ns(i) < bucket_low_ns(i + 1));
    REQUIRE(bucket_of(bucket_low_ns(i)) == i);
    REQUIRE(bucket_of(bucket_low_ns(i + 1) - 1) == i);
  }
  CHECK(bucket_of(~0ULL) == layout::histogram_buckets - 1);
  CHECK(bucket_low_ns(layout::histogram_buckets - 1) > 3'600'000'000'000ULL);  // an hour
}

TEST_CASE("the middle of a bucket is close to what was recorded", "[histogram]") {
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t ns = 16 + random() % (1ULL << (4 + random() % 36));
    const auto middle = static_cast<double>(bucket_middle_ns(bucket_of(ns)));
    REQUIRE(middle == Approx(static_cast<double>(ns)).epsilon(0.0626));
  }
}

TEST_CASE("quantiles of known data", "[histogram]") {
  // 1 to 10,000 ns once each: the p-quantile is p * 10,000, within a bucket.
  auto histogram = std::make_unique<layout::Histogram>();
  for (std::uint64_t ns = 1; ns <= 10'000; ++ns) stats::record(*histogram, ns);
  stats::Counts counts;
  counts.add(*histogram);
  CHECK(counts.total == 10'000);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    CHECK(static_cast<double>(counts.quantile_ns(share)) == Approx(share * 10'000).epsilon(0.0626));
  }
}

TEST_CASE("an interval is the difference of two readings", "[histogram]") {
  auto histogram = std::make_unique<layout::Histogram>();
  stats::record(*histogram, 100);
  stats::Counts before;
  before.add(*histogram);
  for (int i = 0; i < 5; ++i) stats::record(*histogram, 1'000'000);
  stats::Counts after;
  after.add(*histogram);
  const auto between = after.since(before);
  CHECK(between.total == 5);
  CHECK(between.quantile_ns(0.0) == between.quantile_ns(1.0));
  CHECK(stats::Counts{}.quantile_ns(0.5) == 0);
}
