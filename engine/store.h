// The containers on disk: paths below --root and --run-root, names, look-up, listing, locks, trash.
//   <root>/containers/<id>/      record.json config.json exit.json log rootfs/ upper/ work/
//   <root>/names/<name>          a link to ../containers/<id>: its creation reserves the name
//   <root>/trash/                directories on their way out
//   <run_root>/containers/<id>/  state.json journal.json lock owner monitor.sock hosts hostname resolv.conf
#pragma once

#include <optional>
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
  // The same; an end that nobody has told (its monitor was killed, the machine went down) is settled first.
  Result<Container> load_settled(const std::string& id) const;
  // resolve() and load_settled().
  Result<Container> find(const std::string& text) const;
  // Every container, settled. An empty store is an empty list.
  Result<Listing> list() const;

  // Reserves `name` for `id`, atomically. kConflict with Docker's text when it is taken.
  Result<void> reserve_name(const std::string& name, const std::string& id) const;
  // A free random name, reserved.
  Result<std::string> reserve_random_name(const std::string& id) const;

  // Makes the run directory (again after a reboot).
  Result<void> make_run_directory(const std::string& id) const;
  // "lock": held by a command for the short time in which it changes the container. Blocks. kNotFound when
  // the container is removed at this moment.
  Result<Fd> lock(const std::string& id) const;
  // "owner": held by whoever makes the container and then by its monitor, for as long as it lives. A held one
  // is the only sign of life that is believed. With `wait` blocks; otherwise kConflict when it is held.
  Result<Fd> own(const std::string& id, bool wait) const;

  // Frees every name that belongs to `id`: after a kill between the name and the record, or between a record
  // and its name, when no record says which it is. Reads all names. kSystem.
  Result<void> release_names_of(const std::string& id) const;

  // Moves both directories of a container out of sight (rename, first the one that makes it exist) and frees
  // its name; then there is no such container any more. What was moved is deleted by empty_trash(id), which
  // may take long and may be killed at any point. Doing it again is no error.
  Result<void> discard(const std::string& id) const;
  // Deletes what discard() moved away; the run directory goes last, its journal says what is left to undo.
  Result<void> empty_trash(const std::string& id) const;

  // Where discard() puts the two directories.
  std::string trash_directory(const std::string& id) const;
  std::string run_trash_directory(const std::string& id) const;
  // Ids that have a directory: of containers, and in both trashes.
  Result<std::vector<std::string>> container_ids() const;
  Result<std::vector<std::string>> run_ids() const;
  Result<std::vector<std::string>> trash_ids() const;

  // The files of one container, each absent when it does not exist.
  Result<std::optional<RunState>> load_state(const std::string& id) const;
  Result<std::optional<ExitRecord>> load_exit(const std::string& id) const;
  Result<void> save_record(const ContainerRecord& record) const;

 private:
  std::string root_;
  std::string run_root_;
  mutable std::string boot_;  // this boot's id, once it was needed: it can't change under a process
};

}  // namespace engine
