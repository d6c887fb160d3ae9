// What the tool says of one event: `shmbus describe`, and the rows of `shmbus top`.
#pragma once

#include <optional>
#include <string>

#include "cli/registered_types.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {

/// Its publishers and subscribers, and what it looks like.
void print_topic(const inspect::TopicInfo& topic, const std::optional<RegisteredTypes>& types);
/// A table of what happened to each event between the two; empty when there are none.
[[nodiscard]] std::string topic_rows(const inspect::Snapshot& before, const inspect::Snapshot& now);
/// "feed (pid 4711) is 12 behind"; "-".
[[nodiscard]] std::string behind_text(const inspect::SubscriberInfo* subscriber);

}  // namespace shmbus::cli
