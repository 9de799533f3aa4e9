#include "cgroups/steps.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/create.h"
#include "cgroups/join_steps.h"
#include "cgroups/limit_steps.h"
#include "cgroups/limits.h"
#include "cgroups/spelling.h"

namespace cgroups {
namespace {

std::string presence(const std::string& directory) {
  return path_exists(directory) ? "present" : "absent";
}

// Nothing is left on the host by looking, so this step stands before those that have something to undo: a
// foreign group must not be "undone".
class CheckFreeStep : public Step {
 public:
  explicit CheckFreeStep(Group group)
      : Step(Lane::kHost, "see that cgroup " + group.path + " is free"), group_(std::move(group)) {}

  Result<void> perform(StepContext& /*context*/) const override { return check_is_free(group_); }
  std::string say() const override { return "lstat(" + quoted(any()) + ") = -1 ENOENT"; }
  std::string shell() const override {
    // Not test -s: files of a cgroup have no size.
    return "test -z \"$(cat " + shell_quote(any() + "/cgroup.procs") + " 2> /dev/null)\" || exit 1";
  }
  Reason why() const override {
    return {"two containers in one cgroup would share its limits, and killing one would kill the other",
            "cgroups(7)"};
  }

 private:
  std::string any() const {
    return group_.v2_directory.empty() ? group_.v1[0].directory : group_.v2_directory;
  }
  Group group_;
};

// Of the whole group, v2 first: its kill empties the group in all hierarchies. It is the undo of the first
// step that makes a part of the group, since steps are undone last to first.
std::vector<Undo> undo_of(const Group& group) {
  std::vector<Undo> entries;
  if (!group.v2_directory.empty()) entries.push_back({"cgroup", group.v2_directory});
  for (const V1Directory& place : group.v1)
    entries.push_back({"cgroup", place.directory});
  return entries;
}

class CreateV1Step : public Step {
 public:
  CreateV1Step(const Group& group, Leaf leaf, std::vector<Undo> undo)
      : Step(Lane::kHost, "create cgroup " + group.path + " on v1"),
        path_(group.path),
        places_(group.v1),
        leaf_(leaf),
        undo_(std::move(undo)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    for (const V1Directory& place : places_)
      TRY(create_v1(place, path_, leaf_));
    return ok();
  }

  std::string say() const override {
    std::vector<std::string> calls;
    for (const V1Directory& place : places_) {
      calls.push_back("mkdir(" + quoted(place.directory) + ", 0755)");
      if (!is_cpuset(place)) continue;
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"})
        calls.push_back("write(" + quoted(place.directory + file) + ", <the parent's>)");
    }
    return join(calls, "; ");
  }

  std::string shell() const override {
    std::vector<std::string> words = {"mkdir", "-p"};
    std::string inherit;
    for (const V1Directory& place : places_) {
      words.push_back(place.directory);
      if (!is_cpuset(place)) continue;
      std::string above = place.mount_point;
      for (const std::string& prefix : path_prefixes(path_)) {
        const std::string directory = place.mount_point + prefix;
        for (const char* file : {"/cpuset.cpus", "/cpuset.mems"})
          inherit += "\ncat " + shell_quote(above + file) + " > " + shell_quote(directory + file);
        above = directory;
      }
    }
    return shell_words(words) + inherit;
  }

  Reason why() const override {
    return {
        "on v1 every controller has a hierarchy of its own; a group in each, so that none of them leaves the "
        "container in the host's root group (a root group's release_agent runs as host root)",
        "cgroups(7)"};
  }

  std::vector<Undo> undo() const override { return undo_; }

  std::string observe(const StepContext& /*context*/) const override {
    return places_.front().directory + ": " + presence(places_.front().directory);
  }

 private:
  static bool is_cpuset(const V1Directory& place) {
    return std::find(place.controllers.begin(), place.controllers.end(), "cpuset") != place.controllers.end();
  }
  std::string path_;
  std::vector<V1Directory> places_;
  Leaf leaf_;
  std::vector<Undo> undo_;
};

class CreateV2Step : public Step {
 public:
  CreateV2Step(Group group, V2Controllers controllers, Leaf leaf, std::vector<Undo> undo)
      : Step(Lane::kHost, "create cgroup " + group.path + (group.v1.empty() ? "" : " on v2")),
        group_(std::move(group)),
        controllers_(std::move(controllers)),
        leaf_(leaf),
        undo_(std::move(undo)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    return create_v2(group_, controllers_, leaf_);
  }

  std::string say() const override {
    std::vector<std::string> calls;
    calls.push_back("mkdir(" + quoted(group_.v2_directory) + ", 0755)");
    for (const std::string& file : delegating_files())
      calls.push_back(say_write(file, enabling_text()));
    return join(calls, "; ");
  }

  std::string shell() const override {
    std::string text = shell_words({"mkdir", "-p", group_.v2_directory});
    for (const std::string& file : delegating_files())
      text += "\n" + shell_write(file, enabling_text());
    return text;
  }

  Reason why() const override {
    const bool gives = !delegating_files().empty();
    return {std::string("a cgroup of its own: what is in it is counted, frozen and killed as one") +
                (gives ? "; a group has the controllers that each group above it gives to its children" : ""),
            "cgroups(7)"};
  }

  std::vector<Undo> undo() const override { return undo_; }

  std::string observe(const StepContext& /*context*/) const override {
    return group_.v2_directory + ": " + presence(group_.v2_directory);
  }

 private:
  std::string enabling_text() const {
    std::vector<std::string> names = controllers_.required;
    for (const std::string& name : controllers_.optional) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names.empty() ? "" : "+" + join(names, " +");
  }

  std::vector<std::string> delegating_files() const {
    std::vector<std::string> files;
    if (enabling_text().empty()) return files;
    auto prefixes = path_prefixes(group_.path);
    prefixes.back() = "";
    std::rotate(prefixes.begin(), prefixes.end() - 1, prefixes.end());
    for (const std::string& prefix : prefixes)
      files.push_back(group_.v2_mount_point + prefix + "/cgroup.subtree_control");
    return files;
  }

  Group group_;
  V2Controllers controllers_;
  Leaf leaf_;
  std::vector<Undo> undo_;
};

class GiveStep : public Step {
 public:
  GiveStep(const Group& group, uid_t uid)
      : Step(Lane::kHost, "give cgroup " + group.path + " to user " + std::to_string(uid)),
        directory_(group.v2_directory),
        uid_(uid) {}

  Result<void> perform(StepContext& /*context*/) const override {
    const Fd fd = TRY(sys::open(directory_.c_str(), O_RDONLY | O_DIRECTORY));
    constexpr auto kNoGroup = static_cast<gid_t>(-1);
    TRY(sys::fchownat(fd.get(), "", uid_, kNoGroup, AT_EMPTY_PATH));
    // Which they are is the kernel's word; a group need not have all of them (cgroups(7)).
    const std::string listed = read_file("/sys/kernel/cgroup/delegate").value_or(kUsual);
    for (const std::string& file : split(trim(listed), '\n')) {
      auto given = sys::fchownat(fd.get(), file.c_str(), uid_, kNoGroup, AT_SYMLINK_NOFOLLOW);
      if (!given && given.error().error_number() != ENOENT) return given;
    }
    return ok();
  }
  std::string say() const override {
    return "chown(" + quoted(directory_) + ", " + std::to_string(uid_) + ") and of its delegatable files";
  }
  std::string shell() const override {
    const std::string directory = shell_quote(directory_);
    return "(cd " + directory + " && chown " + std::to_string(uid_) +
           " . $(cat /sys/kernel/cgroup/delegate) 2> /dev/null || :)";
  }
  Reason why() const override {
    return {"the container's root may make cgroups below its own, and change no limit of it", "cgroups(7)"};
  }

 private:
  static constexpr const char* kUsual = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
  std::string directory_;
  uid_t uid_;
};

V2Controllers wanted_controllers(const Layout& layout, const std::vector<LimitWrite>& writes,
                                 const Group& group) {
  V2Controllers wanted;
  for (const LimitWrite& write : writes) {
    const bool is_known =
        std::find(wanted.required.begin(), wanted.required.end(), write.controller) != wanted.required.end();
    if (write.directory == group.v2_directory && !write.controller.empty() && !is_known) {
      wanted.required.push_back(write.controller);
    }
  }
  // What stats shows.
  for (const char* name : {"cpu", "io", "memory", "pids"}) {
    if (layout.v2_has(name)) wanted.optional.emplace_back(name);
  }
  return wanted;
}

}  // namespace

StepPtr give_group_step(const Group& group, uid_t uid) {
  return std::make_unique<GiveStep>(group, uid);
}

Result<GroupSteps> cgroup_steps(const Layout& layout, const std::string& path, const Resources& resources) {
  const Group group = TRY(group_at(layout, path));
  return cgroup_steps(layout, group, resources);
}

Result<GroupSteps> cgroup_steps(const Layout& layout, const Group& group, const Resources& resources,
                                StepPtr scope, Join when) {
  if (group.v1.empty() || group.v2_directory.empty() || scope) when = Join::kEarly;
  const std::vector<LimitWrite> writes = TRY(limit_writes(layout, group, resources));
  const Leaf leaf = scope ? Leaf::kAdopt : Leaf::kMake;
  GroupSteps steps;
  auto& before = steps.before_clone;
  auto& on_v1 = when == Join::kLate ? steps.after_clone : before;
  before.push_back(std::make_unique<CheckFreeStep>(group));
  if (scope) before.push_back(std::move(scope));
  std::vector<Undo> undo = undo_of(group);
  if (!group.v2_directory.empty()) {
    auto controllers = wanted_controllers(layout, writes, group);
    before.push_back(
        std::make_unique<CreateV2Step>(group, std::move(controllers), leaf, std::exchange(undo, {})));
  }
  if (!group.v1.empty()) on_v1.push_back(std::make_unique<CreateV1Step>(group, leaf, std::move(undo)));
  const auto is_on_v2 = [&](const LimitWrite& write) { return write.directory == group.v2_directory; };
  std::vector<LimitWrite> writes_on_v2;
  std::copy_if(writes.begin(), writes.end(), std::back_inserter(writes_on_v2), is_on_v2);
  std::vector<LimitWrite> writes_on_v1;
  std::remove_copy_if(writes.begin(), writes.end(), std::back_inserter(writes_on_v1), is_on_v2);
  add_limit_steps(writes_on_v2, before);
  add_limit_steps(writes_on_v1, on_v1);
  const bool has_v1_devices = !group.v1_directory_of("devices").empty();
  TRY(add_device_step(group, resources.devices, has_v1_devices ? on_v1 : before));
  before.push_back(open_step(group, when));
  if (!group.v1.empty()) steps.join = join_step(group, when);
  return steps;
}

}  // namespace cgroups
