// A power cut: an ext4 is mounted from a file, and that file copied while the store on it is in use. The copy
// has what the disk had at that moment, no more; mounted under another boot id it is what the machine finds
// when it comes up again.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/load.h"
#include "tests/integration/registry_fixture.h"

namespace {

constexpr const char* kNextBoot = "5ca1ab1e-0000-4000-8000-000000000002\n";

// A disk in a file, mounted as long as this lives.
class Disk {
 public:
  // `from`: the disk that lost its power; empty: a new one.
  Disk(const std::string& directory, const std::string& from = "")
      : file_(directory + (from.empty() ? "/disk" : "/disk-later")), mount_(file_ + "-mounted") {
    REQUIRE(make_directories(mount_));
    if (from.empty()) {
      run_tool({"truncate", "--size=64M", file_});
      // The block size makes files of a few bytes no part of their inodes.
      run_tool(
          {"mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", file_});
    } else {
      run_tool({"cp", "--sparse=always", from, file_});
    }
    run_tool({"mount", "-o", "loop", file_, mount_});
  }
  ~Disk() {
    (void)run_command({"umount", mount_});
    (void)::unlink(file_.c_str());
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  const std::string& file() const { return file_; }
  std::string root() const { return mount_ + "/data"; }
  // The journal is written with all that is in it, but no more of the files' content than it needs.
  void commit() const {
    const auto file = sys::open((mount_ + "/stray").c_str(), O_WRONLY | O_CREAT, 0600);
    REQUIRE(file);
    REQUIRE(write_all(file->get(), "x"));
    REQUIRE(::fsync(file->get()) == 0);
  }
  void sync() const {
    const auto directory = sys::open(mount_.c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(directory);
    REQUIRE(::syncfs(directory->get()) == 0);
  }

 private:
  std::string file_;
  std::string mount_;
};

// vial on a disk, in this boot or in the next one.
class Machine {
 public:
  Machine(const Disk& disk, const std::string& directory, bool rebooted)
      : line_({program("vial"), "--root", disk.root(), "--run-root", directory + "/run"}) {
    if (!rebooted) return;
    const std::string boot = directory + "/boot_id";
    REQUIRE(replace_file(boot, kNextBoot));
    const std::string script = "mount --bind " + boot + " /proc/sys/kernel/random/boot_id && exec \"$@\"";
    line_.insert(line_.begin(), {"unshare", "--mount", "sh", "-c", script, "sh"});
  }
  Outcome run(const Words& words) const {
    Words line = line_;
    line.insert(line.end(), words.begin(), words.end());
    const auto output = run_command(line);
    REQUIRE(output);
    return {output->status.shell_code(), output->out, output->err};
  }
  std::string done(const Words& words) const {
    const Outcome outcome = run(words);
    INFO(shell_words(words) << "\n" << outcome.out << outcome.err);
    REQUIRE(outcome.code == 0);
    return outcome.out;
  }

 private:
  Words line_;
};

// Regular files of a store without a byte in them, that had some.
size_t empty_blobs(const std::string& root) {
  size_t count = 0;
  for (const auto& name : list_directory(root + "/blobs/sha256").value_or({}))
    count += read_file(root + "/blobs/sha256/" + name, 64U << 20U).value_or("").empty() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("after a power cut an image is whole or not there, and what was on disk before stays") {
  const Vial vial;
  enum class Written { kNothing, kNames, kAll };
  for (const Written written : {Written::kNothing, Written::kNames, Written::kAll}) {
    INFO(static_cast<int>(written));
    const Disk disk(vial.directory());
    const Machine before(disk, vial.directory(), false);
    before.done({"load", "-q", "-i", sample_archive("hello")});
    REQUIRE(within(10, [&] { return !path_exists(disk.root() + "/unsynced"); }));
    // As `vial load` does, without the process that has it written and notes that.
    image::LoadRequest request;
    request.input = sample_archive("busybox");
    REQUIRE(image::load(image::Store(disk.root()), request));
    if (written == Written::kNames) disk.commit();
    if (written == Written::kAll) disk.sync();

    const Disk later(vial.directory(), disk.file());
    const Machine after(later, vial.directory(), true);
    // What is tested is there: names without content, and a note of them (or the note of the first image,
    // whose end was not yet written).
    CHECK(path_exists(later.root() + "/unsynced"));
    CHECK((empty_blobs(later.root()) > 0) == (written == Written::kNames));

    const std::string images = after.done({"images", "--format", "{{.Repository}}"});
    CHECK(contains(images, "hello\n"));
    CHECK(contains(images, "busybox\n") == (written == Written::kAll));
    CHECK_FALSE(path_exists(later.root() + "/unsynced"));
    CHECK(contains(after.done({"system", "check", "--deep"}), "all is well"));
    CHECK(contains(after.done({"run", "--rm", "hello"}), "Hello"));
    if (written != Written::kAll) {
      CHECK(after.run({"run", "--pull", "never", "--rm", "busybox", "true"}).code == 125);
      after.done({"load", "-q", "-i", sample_archive("busybox")});
    }
    CHECK(after.done({"run", "--rm", "busybox", "echo", "whole"}) == "whole\n");
  }
}
