#include "engine/create.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "engine/host_inputs.h"
#include "engine/names.h"
#include "engine/prepare.h"
#include "engine/recover.h"
#include "image/store.h"

namespace engine {

namespace {

// The upper directory is what the container sees as the owner and mode of its "/".
Result<void> make_upper(const Store& store, const ContainerRecord& record) {
  constexpr mode_t kPermissions = 07777;
  const std::string upper = store.container_directory(record.id) + "/upper";
  TRY(sys::mkdir(upper.c_str(), 0700));
  struct stat top = {};
  top.st_mode = 0755;
  if (!record.image.layer_directories.empty()) {
    const std::string layer = store.root() + "/layers/" + record.image.layer_directories.back() + "/fs";
    top = TRY(sys::fstatat(AT_FDCWD, layer.c_str(), AT_SYMLINK_NOFOLLOW));
  }
  const Fd fd = TRY(sys::open(upper.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (top.st_uid != 0 || top.st_gid != 0) {
    TRY(sys::fchownat(AT_FDCWD, upper.c_str(), top.st_uid, top.st_gid, AT_SYMLINK_NOFOLLOW));
  }
  TRY(sys::fchmod(fd.get(), top.st_mode & kPermissions));
  // Programs look for this file to see that they are in a container.
  return create_file(upper + "/.dockerenv", "", 0755);
}

Result<void> make_directories_of(const Store& store, const ContainerRecord& record) {
  const std::string directory = store.container_directory(record.id);
  TRY(sys::mkdir(directory.c_str(), 0700));
  TRY(sys::mkdir((directory + "/rootfs").c_str(), 0700));
  TRY(sys::mkdir((directory + "/work").c_str(), 0700));
  return make_upper(store, record);
}

// Everything after the owner's lock is held: a kill in here leaves what recover() throws away.
Result<void> make_files(const Store& store, ContainerRecord& record) {
  TRY(make_directories_of(store, record));
  if (record.name.empty()) {
    record.name = TRY(store.reserve_random_name(record.id));
  } else {
    TRY(store.reserve_name(record.name, record.id));
  }
  TRY(prepare_mount_sources(record, store));
  // With the record the container exists.
  return store.save_record(record);
}

}  // namespace

Result<Made> make_container(const Store& store, const RunRequest& request) {
  const std::string id = new_id();
  const image::Store images(store.root());
  // The image can't be removed before the record says that it is used.
  const Fd image_hold = TRY(images.hold());
  Made made;
  made.record = TRY(make_record(store, request, id));
  {
    const Fd no_recovery = TRY(hold_off_recovery(store));
    TRY(store.make_run_directory(id));
    made.owner = TRY(store.own(id, false));
  }
  auto files = make_files(store, made.record);
  if (files) return made;
  (void)store.discard(id);
  (void)store.empty_trash(id);
  return std::move(files).error();
}

Result<ContainerRecord> create_container(const Store& store, const RunRequest& request) {
  TRY(store.prepare());
  TRY(recover(store));
  Made made = TRY(make_container(store, request));
  return std::move(made.record);
}

}  // namespace engine
