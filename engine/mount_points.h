// The grammar of -v, --mount and --tmpfs: text to MountPoint. Pure: nothing is looked up on the host.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/record.h"

namespace engine {

// -v [HOST|NAME:]CTR[:opts]. Opts: ro, rw, [r]private, [r]shared, [r]slave, nocopy; z, Z, cached, delegated,
// consistent are accepted and ignored. A host part with a slash, or one that starts with ".", is a path
// (relative to `working_directory`), everything else the name of a volume; without one the volume is
// anonymous and its name stays empty. kInvalid in Docker's words.
Result<MountPoint> parse_volume(const std::string& text, const std::string& working_directory);

// --mount type=bind|volume|tmpfs,src=...,dst=...[,readonly][,...]: comma-separated, a field may be quoted as
// in CSV. kInvalid in Docker's words.
Result<MountPoint> parse_mount(const std::string& text, const std::string& working_directory);

// --tmpfs CTR[:options of mount(8)].
Result<MountPoint> parse_tmpfs(const std::string& text);

// All mounts of a container, parents before children: the request's, then the image's VOLUMEs that nothing
// covers, as anonymous volumes. kInvalid "Duplicate mount point: /x".
Result<std::vector<MountPoint>> collect_mounts(const RunRequest& request,
                                               const std::vector<std::string>& image_volumes,
                                               const std::string& working_directory);

// [a-zA-Z0-9][a-zA-Z0-9_.-]+, the same as for containers; kInvalid in Docker's words otherwise.
Result<void> check_volume_name(const std::string& name);

}  // namespace engine
