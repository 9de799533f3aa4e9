// record.json: one container as the user made it, and what was resolved when it was made. Written once by
// `create` (and again only by commands that change the container: rename, update). Never says whether the
// container runs: that is derived (state.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/run.h"

namespace engine {

// What the container took over from its image, so that it can be started and shown without the image store.
struct ImageFacts {
  std::string id;         // "sha256:..."
  std::string reference;  // as the user typed it
  std::vector<std::string> env;
  std::vector<std::string> command;
  std::vector<std::string> entrypoint;
  std::string user;
  std::string workdir;
  std::string stop_signal;
  std::vector<std::string> volumes;        // container paths
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::map<std::string, std::string> labels;
  std::vector<std::string> layer_directories;  // bottom first, relative to <root>/layers
};

// One mount as `inspect` lists it.
struct MountPoint {
  std::string type;  // "bind", "volume", "tmpfs"
  std::string name;  // of a volume
  std::string source;
  std::string destination;
  std::string mode;  // the options as typed
  bool read_only = false;
  bool shallow_read_only = false;    // read_only holds for this mount, not for those below it
  bool anonymous = false;            // made for this container: goes with rm -v and --rm
  bool create_host = false;          // -v makes a missing bind source; --mount does not
  bool no_copy = false;              // no copy-up into an empty volume
  std::string propagation;           // empty: rprivate
  std::vector<std::string> options;  // further mount options (tmpfs: size=..., mode=...)
};

struct ContainerRecord {
  std::string id;    // 64 hex digits
  std::string name;  // without the slash
  int64_t created_ns = 0;
  RunRequest request;
  ImageFacts image;
  // resolved when created
  std::vector<std::string> args;  // entrypoint and command, as will be executed
  std::string hostname;
  std::string stop_signal;
  std::vector<MountPoint> mounts;
  std::vector<std::string> warnings;
};

// The labels of the image, and over them those that the user gave.
std::map<std::string, std::string> labels_of(const ContainerRecord& record);

// record.json -> ContainerRecord. kCorrupt with the JSON pointer of the wrong member; kUnsupported for
// another schema.
Result<ContainerRecord> read_record(const Json& document);
Json write_record(const ContainerRecord& record);

}  // namespace engine
