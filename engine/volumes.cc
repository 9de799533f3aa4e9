#include "engine/volumes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/syscalls.h"

namespace engine {

Result<void> make_volume(const Store& store, const MountPoint& mount) {
  constexpr mode_t kEverybodyMayEnter = 0755;
  if (path_exists(mount.source)) return ok();
  TRY(make_directories(store.volume_directory(mount.name)));
  auto made = sys::mkdir(mount.source.c_str(), kEverybodyMayEnter);
  if (!made && made.error().error_number() != EEXIST) return made;
  const Fd fd = TRY(sys::open(mount.source.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return sys::fchmod(fd.get(), kEverybodyMayEnter);
}

void take_anonymous_volumes(const Store& store, const ContainerRecord& record) {
  for (const auto& mount : record.mounts) {
    if (mount.type != "volume" || !mount.anonymous) continue;
    const std::string to = store.container_directory(record.id) + "/volume-" + mount.name;
    ::rename(store.volume_directory(mount.name).c_str(), to.c_str());
  }
}

}  // namespace engine
