// tag, history, save, prune, system df and system check as commands, on stores of their own.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/vial_fixture.h"

using Catch::Contains;

namespace {

// vial with a data root of this test, `name`; the samples are not in it.
class Elsewhere {
 public:
  Elsewhere(const Vial& vial, const std::string& name)
      : root_(vial.directory() + "/" + name), run_(root_ + "-run") {}
  const std::string& root() const { return root_; }

  Outcome run(const Words& words, const std::string& input = "") const {
    Words line = {program("vial"), "--root", root_, "--run-root", run_};
    line.insert(line.end(), words.begin(), words.end());
    const auto output = run_command(line, input);
    REQUIRE(output);
    return {output->status.shell_code(), output->out, output->err};
  }
  Elsewhere& with_samples() {
    for (const char* sample : {"hello", "busybox"})
      REQUIRE(run({"load", "-i", sample_archive(sample)}).code == 0);
    return *this;
  }

 private:
  std::string root_;
  std::string run_;
};

Words lines_of(const std::string& text) {
  Words lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

uint64_t du_of(const std::string& root) {
  const auto output = run_command({"du", "-s", "-B1", root});
  return *parse_uint(split(output->out, '\t').front());
}

}  // namespace

TEST_CASE("tag gives an image another name") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  const auto tagged = other.run({"tag", "busybox", "localhost:5000/team/box:1"});
  CHECK(tagged.code == 0);
  CHECK(tagged.out.empty());
  const auto names = other.run({"images", "--format", "{{.Repository}}:{{.Tag}}"}).out;
  CHECK_THAT(names, Contains("busybox:latest\n") && Contains("localhost:5000/team/box:1\n"));
  CHECK(other.run({"image", "tag", "localhost:5000/team/box:1", "short"}).code == 0);
  const auto missing = other.run({"tag", "nothing", "x"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("No such image: nothing:latest"));
  const auto bad = other.run({"tag", "busybox", "BAD"});
  CHECK(bad.code == 1);
  CHECK_THAT(
      bad.err,
      Contains("Error parsing reference: \"BAD\" is not a valid repository/tag: invalid reference format"));
  CHECK_THAT(other.run({"tag", "busybox", "x@sha256:" + std::string(64, 'a')}).err,
             Contains("refusing to create a tag with a digest reference"));
  CHECK(other.run({"rmi", "short"}).out == "Untagged: short:latest\n");
}

TEST_CASE("history lists what made the layers, newest first") {
  const Vial vial;
  Elsewhere other(vial, "other");
  const std::string tree = vial.directory() + "/tree.tar";
  REQUIRE(run_command({"tar", "-cf", tree, "-C", "/etc", "hostname"})->status.shell_code() == 0);
  REQUIRE(other.run({"import", "-m", "made by hand", tree, "mine"}).code == 0);
  const auto history = lines_of(other.run({"history", "mine"}).out);
  REQUIRE(history.size() == 2);
  CHECK_THAT(history[0],
             Catch::StartsWith("IMAGE") && Contains("CREATED BY") && Contains("SIZE") && Contains("COMMENT"));
  CHECK_THAT(history[1], Contains("ago") && Contains("made by hand"));
  const std::string id(trim(other.run({"images", "-q", "--no-trunc"}).out));
  CHECK(other.run({"history", "-q", "--no-trunc", "mine"}).out == id + "\n");
  CHECK(other.run({"history", "--format", "{{.Comment}}", "mine"}).out == "made by hand\n");
  CHECK_THAT(other.run({"history", "--human=false", "mine"}).out, Contains("T") && !Contains("ago"));
  CHECK_THAT(other.run({"history", "nothing"}).err, Contains("No such image: nothing:latest"));
}

TEST_CASE("what is saved loads elsewhere, runs, and is saved as the same bytes") {
  const Vial vial;
  Elsewhere here(vial, "here");
  here.with_samples();
  const std::string file = vial.directory() + "/both.tar";
  REQUIRE(here.run({"save", "-o", file, "busybox", "hello"}).code == 0);
  Elsewhere there(vial, "there");
  const auto loaded = there.run({"load", "-i", file});
  CHECK(loaded.out == "Loaded image: busybox:latest\nLoaded image: hello:latest\n");
  const auto greeting = there.run({"run", "--rm", "hello"});
  INFO(greeting.err);
  CHECK_THAT(greeting.out, Contains("Hello"));
  CHECK(there.run({"save", "busybox", "hello"}).out == *read_file(file, 64U << 20U));
  CHECK(there.run({"load", "-i", file}).out == loaded.out);
  const auto missing = here.run({"save", "-o", vial.directory() + "/none.tar", "nothing"});
  CHECK(missing.code == 1);
  CHECK_FALSE(path_exists(vial.directory() + "/none.tar"));
  CHECK_THAT(vial.run_on_terminal({"save", "busybox"}).out,
             Contains("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
}

TEST_CASE("image prune removes what nothing uses, after asking") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  const std::string busybox(trim(other.run({"images", "-q", "--no-trunc", "busybox"}).out));
  REQUIRE(other.run({"tag", "hello", "busybox"}).code == 0);  // the old busybox has no name now
  const auto asked = other.run({"image", "prune"}, "n\n");
  CHECK(asked.code == 0);  // as in Docker
  CHECK(asked.out ==
        "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ");
  CHECK(other.run({"image", "inspect", busybox}).code == 0);
  const auto pruned = other.run({"image", "prune"}, "y\n");
  CHECK(pruned.code == 0);
  CHECK_THAT(pruned.out, Contains("Deleted Images:\ndeleted: " + busybox + "\n") &&
                             Contains("\n\nTotal reclaimed space: ") && !Contains("space: 0B"));
  CHECK(other.run({"image", "prune", "-f"}).out == "Total reclaimed space: 0B\n");
  REQUIRE(other.run({"create", "--name", "user", "hello"}).code == 0);
  CHECK(other.run({"image", "prune", "-a", "-f"}).out == "Total reclaimed space: 0B\n");
  REQUIRE(other.run({"rm", "user"}).code == 0);
  CHECK(other.run({"image", "prune", "-a", "-f", "--filter", "label=x"}).out ==
        "Total reclaimed space: 0B\n");
  CHECK_THAT(other.run({"image", "prune", "-a", "-f"}).out, Contains("untagged: hello:latest\n"));
  CHECK(other.run({"images", "-q"}).out.empty());
  for (const char* part : {"layers", "blobs/sha256", "distribution", "images"}) {
    const auto names = list_directory(other.root() + "/" + part);
    INFO(part);
    CHECK((!names || names->empty()));
  }
  CHECK_THAT(other.run({"image", "prune", "-f", "--filter", "x=y"}).err, Contains("invalid filter 'x'"));
  CHECK_THAT(other.run({"image", "prune", "--filter", "bad"}).err, Contains("\"bad\" for \"--filter\" flag"));
}

TEST_CASE("system prune removes stopped containers and the images that nothing uses then") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  REQUIRE(other.run({"run", "--name", "ended", "--label", "keep=no", "hello"}).code == 0);
  REQUIRE(other.run({"create", "--name", "made", "--label", "keep=yes", "hello"}).code == 0);
  REQUIRE(other.run({"run", "-d", "--name", "runs", "busybox", "sleep", "100"}).code == 0);
  const std::string ended(trim(other.run({"ps", "-aq", "--no-trunc", "-f", "name=ended"}).out));
  const std::string made(trim(other.run({"ps", "-aq", "--no-trunc", "-f", "name=made"}).out));

  const auto asked = other.run({"system", "prune", "--filter", "label!=keep=yes"}, "n\n");
  CHECK(asked.code == 0);
  CHECK(asked.out ==
        "WARNING! This will remove:\n  - all stopped containers\n"
        "  - all networks not used by at least one container\n  - all dangling images\n"
        "  - unused build cache\n\n  Items to be pruned will be filtered with:\n  - label!=keep=yes\n\n"
        "Are you sure you want to continue? [y/N] ");
  const auto volumes = other.run({"system", "prune", "-f", "--volumes"});
  CHECK(volumes.code == 1);
  CHECK_THAT(volumes.err, Contains("volumes can't be pruned yet, and nothing was removed"));
  CHECK(other.run({"system", "prune", "-f", "--filter", "dangling=true"}).code == 1);
  CHECK(lines_of(other.run({"ps", "-aq"}).out).size() == 3);

  const auto first = other.run({"system", "prune", "-f", "--filter", "label!=keep=yes"});
  INFO(first.err);
  CHECK(first.code == 0);
  CHECK(first.out.starts_with("Deleted Containers:\n" + ended + "\n\nTotal reclaimed space: "));
  CHECK_FALSE(contains(first.out, "space: 0B"));
  // An image goes with -a, and only when the container that used it has gone before.
  CHECK(other.run({"container", "prune", "-f", "--filter", "until=1h"}).out == "Total reclaimed space: 0B\n");
  const uint64_t before = du_of(other.root());
  const auto all = other.run({"system", "prune", "-af"});
  CHECK(all.out.starts_with("Deleted Containers:\n" + made +
                            "\n\nDeleted Images:\nuntagged: hello:latest\ndeleted: sha256:"));
  CHECK(du_of(other.root()) < before);
  CHECK(trim(other.run({"images", "--format", "{{.Repository}}"}).out) == "busybox");
  CHECK(trim(other.run({"ps", "-a", "--format", "{{.Names}}"}).out) == "runs");
  CHECK(other.run({"system", "prune", "-af"}).out == "Total reclaimed space: 0B\n");
  REQUIRE(other.run({"rm", "-f", "runs"}).code == 0);
}

TEST_CASE("an exported container is imported as an image of one layer") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  const auto made =
      other.run({"run", "--name", "source", "-v", "/tmp:/mnt", "busybox", "sh", "-c",
                 "echo new > /etc/new; ln /etc/new /etc/same; mkdir -m 1777 /d; rm /bin/vi; exec true"});
  INFO(made.err);
  REQUIRE(made.code == 0);
  const std::string file = vial.directory() + "/tree.tar";
  REQUIRE(other.run({"export", "-o", file, "source"}).code == 0);
  CHECK(other.run({"export", "source"}).out == *read_file(file, 64U << 20U));
  const std::string list = run_command({"tar", "-tvf", file})->out;
  CHECK_THAT(list, Contains(" etc/new") && Contains(" etc/same link to etc/new") && Contains("drwxrwxrwt") &&
                       Contains(" bin/sh") && !Contains(" bin/vi\n") && !Contains(" bin/vi ->") &&
                       !Contains(" mnt/v"));
  REQUIRE(other.run({"import", file, "flat"}).code == 0);
  CHECK(other.run({"run", "--rm", "flat", "/bin/cat", "/etc/same"}).out == "new\n");
  CHECK(other.run({"rm", "source"}).code == 0);
  CHECK_THAT(other.run({"export", "nothing"}).err, Contains("No such container: nothing"));
}

TEST_CASE("system df says what du says") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  REQUIRE(other.run({"create", "--name", "user", "busybox"}).code == 0);
  const auto table = lines_of(other.run({"system", "df"}).out);
  REQUIRE(table.size() == 5);
  CHECK_THAT(table[0], Catch::StartsWith("TYPE") && Contains("TOTAL") && Contains("RECLAIMABLE"));
  CHECK_THAT(table[1], Catch::StartsWith("Images") && Contains("%)"));
  CHECK(other.run({"system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"}).out ==
        "Images 2 1\nContainers 1 0\nLocal Volumes 0 0\nBuild Cache 0 0\n");
  uint64_t du = 0;
  for (const char* part : {"layers", "blobs", "images"})
    du += du_of(other.root() + "/" + part);
  const std::string size = lines_of(other.run({"system", "df", "--format", "{{.Size}}"}).out).front();
  // human_size() cuts to four digits; the directories around the parts are not counted.
  const double shown = std::strtod(size.c_str(), nullptr) * (size.ends_with("MB") ? 1e6 : 1e3);
  INFO(size << " " << du);
  CHECK(shown == Approx(static_cast<double>(du)).epsilon(0.03));
  const auto details = other.run({"system", "df", "-v"}).out;
  CHECK_THAT(details, Contains("Images space usage:\n\nREPOSITORY") && Contains("UNIQUE SIZE") &&
                          Contains("Containers space usage:\n\nCONTAINER ID") &&
                          Contains("Build cache usage: 0B"));
  CHECK(other.run({"rm", "user"}).code == 0);
}

TEST_CASE("system check finds a damaged layer and repairs it") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  const auto well = other.run({"system", "check", "--deep"});
  CHECK(well.code == 0);
  CHECK(well.out == "Checked 2 images, 2 layers, 4 blobs: all is well\n");
  const std::string layer = list_directory(other.root() + "/layers")->front();
  REQUIRE(remove_tree(other.root() + "/layers/" + layer + "/fs"));
  const auto damaged = other.run({"system", "check"});
  CHECK(damaged.code == 1);
  CHECK_THAT(damaged.out, Contains("Problem: image ") && Contains("layer " + layer + " has no files"));
  const auto repaired = other.run({"system", "check", "--repair"});
  CHECK(repaired.code == 0);
  CHECK_THAT(repaired.out, Contains("unpacked again") && Contains("all is well"));
  CHECK(other.run({"run", "--rm", "hello"}).code == 0);
  CHECK(other.run({"run", "--rm", "busybox", "true"}).code == 0);
}

TEST_CASE("a load is noted as being on disk by a process that it leaves behind") {
  const Vial vial;
  Elsewhere other(vial, "other");
  other.with_samples();
  constexpr int kTries = 500;
  for (int i = 0; i < kTries && path_exists(other.root() + "/unsynced"); ++i)
    ::usleep(10'000);
  CHECK_FALSE(path_exists(other.root() + "/unsynced"));
}
