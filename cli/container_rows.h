// What `ps` says about a container, as a row of words. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "cli/listing.h"
#include "engine/store.h"

namespace cli {

struct RowDetails {
  int64_t now_ns = 0;
  bool truncate = true;                // 12 digits of the id, 20 letters of the command
  std::optional<uint64_t> size_bytes;  // of its own changes (--size)
  uint64_t image_bytes = 0;
};

// Docker's STATUS: "Up 3 seconds (Paused)", "Exited (137) 4 seconds ago", "Created".
std::string status_text(const engine::CurrentState& state, int64_t now_ns);

// "2026-01-02 15:04:05 +0000 UTC", as Go prints a time.
std::string go_time(int64_t epoch_ns);

Json container_row(const engine::Container& container, const RowDetails& details);

// The table, headers and JSON form of `ps`; with the SIZE column for --size.
ListFormat container_list_format(bool with_size);

}  // namespace cli
