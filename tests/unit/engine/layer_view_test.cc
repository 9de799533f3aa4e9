#include "engine/layer_view.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/temporary_directory.h"

using engine::LayerView;

namespace {

constexpr size_t kLimit = 1000;

struct Layers {
  TemporaryDirectory directory;
  std::string top = directory.path() + "/top";
  std::string bottom = directory.path() + "/bottom";
  Layers() {
    REQUIRE(make_directories(top + "/etc"));
    REQUIRE(make_directories(bottom + "/etc"));
  }
  std::string read(const std::string& path) const {
    const auto view = LayerView::open({top, bottom, directory.path() + "/missing"});
    REQUIRE(view);
    const auto text = view->read(path, kLimit);
    return text ? *text : "error: " + text.error().text();
  }
};

}  // namespace

TEST_CASE("the top layer wins, the bottom shines through") {
  const Layers layers;
  REQUIRE(create_file(layers.bottom + "/etc/passwd", "old"));
  CHECK(layers.read("/etc/passwd") == "old");
  REQUIRE(create_file(layers.top + "/etc/passwd", "new"));
  CHECK(layers.read("/etc/passwd") == "new");
  CHECK(layers.read("/etc/none").starts_with("error: "));
}

TEST_CASE("whiteouts and opaque directories hide") {
  const Layers layers;
  REQUIRE(create_file(layers.bottom + "/etc/passwd", "old"));
  SECTION("a whiteout of the file") {
    REQUIRE(::mknod((layers.top + "/etc/passwd").c_str(), S_IFCHR, makedev(0, 0)) == 0);
  }
  SECTION("an opaque directory") {
    REQUIRE(::setxattr((layers.top + "/etc").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0);
  }
  SECTION("a whiteout of the directory") {
    REQUIRE(::rmdir((layers.top + "/etc").c_str()) == 0);
    REQUIRE(::mknod((layers.top + "/etc").c_str(), S_IFCHR, makedev(0, 0)) == 0);
  }
  SECTION("a file in the directory's place") {
    REQUIRE(::rmdir((layers.top + "/etc").c_str()) == 0);
    REQUIRE(create_file(layers.top + "/etc", "file"));
  }
  CHECK(layers.read("/etc/passwd").starts_with("error: "));
}

TEST_CASE("links are followed across layers and never out of them") {
  const Layers layers;
  REQUIRE(create_file(layers.directory.path() + "/secret", "host"));
  REQUIRE(make_directories(layers.bottom + "/usr/lib"));
  REQUIRE(create_file(layers.bottom + "/usr/lib/passwd", "inside"));
  const std::string link = layers.top + "/etc/passwd";
  const auto read_link = [&](const std::string& target) {
    ::unlink(link.c_str());
    REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
    return layers.read("/etc/passwd");
  };
  CHECK(read_link("../usr/lib/passwd") == "inside");
  CHECK(read_link("/usr/lib/passwd") == "inside");
  CHECK(read_link("../../../../../usr/./lib/../lib/passwd") == "inside");
  CHECK(read_link("../../secret").starts_with("error: "));
  CHECK(read_link(layers.directory.path() + "/secret").starts_with("error: "));
  CHECK(read_link("passwd") == "error: /etc/passwd: too many symbolic links");
  CHECK(read_link("/proc/self/fd/0").starts_with("error: "));
}

TEST_CASE("what is no regular file is refused at once") {
  const Layers layers;
  const std::string path = layers.top + "/etc/passwd";
  SECTION("fifo") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("device") {
    REQUIRE(::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0);
  }
  SECTION("directory") {
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  }
  SECTION("too large") {
    REQUIRE(create_file(path, ""));
    REQUIRE(::truncate(path.c_str(), 1L << 30) == 0);
  }
  CHECK(layers.read("/etc/passwd").starts_with("error: "));
}
