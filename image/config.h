// The image configuration (OCI image-spec config.md, and the Docker fields that tools use beside it), parsed
// from bytes that came from outside. The raw bytes stay the truth (their digest is the image's id); this is
// what running, inspecting and listing need.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "image/digest.h"

namespace image {

inline constexpr size_t kMaxConfigBytes = 4U << 20U;  // what podman accepts too
inline constexpr size_t kMaxLayers = 512;

struct Healthcheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", "..."}; empty: inherited
  int64_t interval_ns = 0;        // 0: the default
  int64_t timeout_ns = 0;
  int64_t start_period_ns = 0;
  int64_t start_interval_ns = 0;
  int64_t retries = 0;
};

struct HistoryEntry {
  std::string created;  // RFC 3339 as written in the image
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

// The defaults of a container made from the image: the member "config" of the configuration.
struct RunConfig {
  std::vector<std::string> env;  // each NAME=value with a name
  std::vector<std::string> cmd;
  std::vector<std::string> entrypoint;
  std::string user;
  std::string working_dir;
  std::vector<std::string> volumes;        // sorted
  std::vector<std::string> exposed_ports;  // "80/tcp", sorted
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<int64_t> stop_timeout_s;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;
};

struct ImageConfig {
  std::string architecture;  // "amd64"
  std::string os;            // "linux"
  std::string variant;
  std::string author;
  std::string created;     // RFC 3339 as written; may be empty
  int64_t created_ns = 0;  // since the epoch; 0 when absent
  RunConfig run;
  std::vector<HistoryEntry> history;
  std::vector<Digest> diff_ids;  // bottom to top
};

// Errors: kInvalid with the JSON pointer of the wrong member: wrong types, NUL bytes, an env entry that is
// not NAME=value, more than kMaxLayers layers; kCorrupt when it is not JSON.
Result<ImageConfig> parse_config(std::string_view bytes);
// The member "config" alone, as image records hold it.
Result<RunConfig> read_run_config(const JsonView& view);
Json write_run_config(const RunConfig& config);

}  // namespace image
