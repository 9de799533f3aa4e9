// load and import as a person runs them: the built vial-image, its output and exit codes.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGPIPE
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "tests/integration/running_program.h"

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  REQUIRE(value != nullptr);
  return value;
}

std::string sample(const char* name) {
  return environment("VIAL_SAMPLES") + "/" + name + ".tar";
}

// A data root for one test, and vial-image on it.
class ImageTest {
 public:
  ImageTest() {
    std::array<char, 32> name = {"/tmp/vial-image-XXXXXX"};
    path_ = ::mkdtemp(name.data());
    ::signal(SIGPIPE, SIG_IGN);  // a program that fails may not read all its input
  }
  // A load leaves a process that notes that its layers are on the disk.
  ~ImageTest() {
    CHECK(within(kPatience, [&] { return remove_tree(path_).has_value(); }));
  }
  ImageTest(const ImageTest&) = delete;
  ImageTest& operator=(const ImageTest&) = delete;

  CommandOutput run(std::vector<std::string> words, const std::string& input = "") const {
    words.insert(words.begin(), {environment("VIAL_BIN_DIR") + "/vial-image", "--root", path_ + "/root"});
    const auto output = run_command(words, input);
    REQUIRE(output);
    return *output;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("load says what it loaded, from a file, from a pipe and compressed") {
  const ImageTest test;
  const auto from_file = test.run({"load", "-i", sample("hello")});
  CHECK(from_file.status.shell_code() == 0);
  CHECK(from_file.out == "Loaded image: hello:latest\n");
  CHECK(from_file.err.empty());
  const auto bytes = read_file(sample("busybox"));
  REQUIRE(bytes);
  const auto from_pipe = test.run({"image", "load", "--quiet"}, *bytes);
  CHECK(from_pipe.status.shell_code() == 0);
  CHECK(from_pipe.out == "Loaded image: busybox:latest\n");
  const auto packed = run_command({"gzip", "-c"}, *bytes);
  REQUIRE(packed);
  CHECK(test.run({"load"}, packed->out).out == "Loaded image: busybox:latest\n");
}

TEST_CASE("load fails with one line and leaves nothing") {
  const ImageTest test;
  const auto missing = test.run({"load", "-i", "/nowhere/image.tar"});
  CHECK(missing.status.shell_code() == 1);
  CHECK(missing.out.empty());
  CHECK(missing.err == "vial: load: open /nowhere/image.tar: No such file or directory\n");
  const auto nonsense = test.run({"load"}, "no archive");
  CHECK(nonsense.status.shell_code() == 1);
  CHECK_THAT(nonsense.err, Catch::StartsWith("vial: load: not a readable tar"));
  const auto bytes = read_file(sample("busybox"));
  REQUIRE(bytes);
  const auto small = test.run({"load", "--max-bytes", "1m", "-i", sample("busybox")});
  CHECK(small.status.shell_code() == 1);
  CHECK_THAT(small.err, Catch::Contains("--max-bytes allows more"));
  const auto cut = test.run({"load"}, bytes->substr(0, bytes->size() / 2));
  CHECK(cut.status.shell_code() == 1);
  for (const char* part : {"images", "layers", "staging", "tags"}) {
    const auto names = list_directory(test.path() + "/root/" + part);
    CHECK((!names || names->empty()));
  }
}

TEST_CASE("load of another platform's image is refused when asked for this one") {
  const ImageTest test;
  const auto other = test.run({"load", "--platform", "linux/s390x", "-i", sample("hello")});
  CHECK(other.status.shell_code() == 1);
  CHECK_THAT(other.err, Catch::Contains("no image for platform linux/s390x"));
  CHECK(test.run({"load", "--platform", "s390x", "-i", sample("hello")}).status.shell_code() == 1);
}

TEST_CASE("import prints the new image's id") {
  const ImageTest test;
  REQUIRE(make_directories(test.path() + "/tree/bin", 0755));
  REQUIRE(create_file(test.path() + "/tree/bin/tool", "#!", 0755));
  const auto tar = run_command({"tar", "-C", test.path() + "/tree", "-c", "."});
  REQUIRE(tar);
  const auto imported =
      test.run({"import", "-c", "CMD [\"tool\"]", "-m", "by hand", "-", "mine:1"}, tar->out);
  CHECK(imported.status.shell_code() == 0);
  CHECK(imported.out.starts_with("sha256:"));
  CHECK(imported.out.size() == 72);
  CHECK(path_exists(test.path() + "/root/tags/docker.io!library!mine/1"));
  const auto wrong = test.run({"import", "-", "UPPER"}, tar->out);
  CHECK(wrong.status.shell_code() == 1);
  CHECK_THAT(wrong.err, Catch::Contains("must be lowercase"));
  CHECK_THAT(test.run({"import", "-c", "RUN true", "-"}, tar->out).err,
             Catch::Contains("RUN is not a valid change command"));
  CHECK(test.run({"import"}).status.shell_code() == 1);
}
