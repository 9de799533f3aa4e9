// The containers on disk: paths below --root and --run-root, names, look-up, listing, locks, trash.
//   <root>/containers/<id>/      record.json config.json exit.json log rootfs/ upper/ work/
//   <root>/names/<name>          a file that holds the id: its creation reserves the name
//   <root>/trash/                directories on their way out
//   <run_root>/containers/<id>/  state.json journal.json lock monitor.sock hosts hostname resolv.conf
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/record.h"
#include "engine/state.h"

namespace engine {

inline constexpr const char* kDefaultRoot = "/var/lib/vial";
inline constexpr const char* kDefaultRunRoot = "/run/vial";

// A container as the commands see it.
struct Container {
  ContainerRecord record;
  CurrentState state;
};

// What a listing found. A container whose files can't be read does not hide the others.
struct Listing {
  std::vector<Container> containers;  // newest first
  struct Damaged {
    std::string id;
    std::string error;
  };
  std::vector<Damaged> damaged;
};

class Store {
 public:
  explicit Store(std::string root = kDefaultRoot, std::string run_root = kDefaultRunRoot)
      : root_(std::move(root)), run_root_(std::move(run_root)) {}

  const std::string& root() const { return root_; }
  const std::string& run_root() const { return run_root_; }
  std::string container_directory(const std::string& id) const;
  std::string run_directory(const std::string& id) const;
  std::string volume_directory(const std::string& name) const;

  // Makes the directories, 0700, if they are missing. kSystem.
  Result<void> prepare() const;

  // The id of the container that `text` means: full id, exact name (with or without the slash), unique id
  // prefix. Errors in Docker's words: kNotFound "No such container: x", kInvalid "Multiple IDs found with
  // provided prefix: x". Damaged containers are found by id, too.
  Result<std::string> resolve(const std::string& text) const;

  // Reads one container by full id and derives its state. kNotFound, kCorrupt.
  Result<Container> load(const std::string& id) const;
  // resolve() and load().
  Result<Container> find(const std::string& text) const;
  // Every container. An empty store is an empty list.
  Result<Listing> list() const;

  // Reserves `name` for `id`, atomically. kConflict with Docker's text when it is taken.
  Result<void> reserve_name(const std::string& name, const std::string& id) const;
  // Frees the name if it still belongs to `id`.
  Result<void> release_name(const std::string& name, const std::string& id) const;
  // A free random name, reserved.
  Result<std::string> reserve_random_name(const std::string& id) const;

  // The lock of one container; held while its files change. Closing the descriptor unlocks. kConflict when
  // `wait` is false and another process holds it.
  Result<Fd> lock(const std::string& id, bool wait = true) const;

  // Moves both directories of a container out of sight (rename) and frees its name. What was moved is deleted
  // by empty_trash(), which may take long and may be killed at any point.
  Result<void> discard(const ContainerRecord& record) const;
  Result<void> discard_damaged(const std::string& id) const;
  Result<void> empty_trash() const;

 private:
  std::string root_;
  std::string run_root_;
};

}  // namespace engine
