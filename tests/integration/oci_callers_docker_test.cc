// Debian's docker with our runtime as another --runtime, on a network of its own.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_docker_like.h"

namespace {

// dockerd starts a containerd of its own. Its bridge is in the network namespace that it is started in.
class Docker : public DockerLike {
 public:
  Docker() : daemon_(daemon_line(rig_), rig_.directory() + "/log", [this] { return answers(); }) {
    must({"load", "-q", "-i", rig_.image()});
  }
  ~Docker() override {
    Words remove = {"rm", "-f"};
    for (const auto& id : split(trim(call({"ps", "-aq"}).out), '\n'))
      remove.push_back(id);
    if (!remove.back().empty() && remove.size() > 2) (void)call(remove);
    const std::string state = rig_.directory() + "/exec/runtime-own/moby";
    const auto left = list_directory(state).value_or({});
    INFO("left in " << state << ": " << shell_words(left));
    CHECK(left.empty());
  }
  Docker(const Docker&) = delete;
  Docker& operator=(const Docker&) = delete;

  Words line(const Words& words) const override {
    Words all = {"/usr/bin/docker", "-H", "unix://" + rig_.directory() + "/sock"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  Words run_words(const Words& words) const override {
    Words all = {"run", "--runtime", "own"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

 private:
  static Words daemon_line(const CallerRig& rig) {
    const std::string& own = rig.directory();
    return {"/usr/sbin/dockerd",
            "--data-root",
            own + "/data",
            "--exec-root",
            own + "/exec",
            "-p",
            own + "/pid",
            "-H",
            "unix://" + own + "/sock",
            "--cgroup-parent",
            "/" + rig.name(),
            "--add-runtime",
            "own=" + oci_runtime()};
  }
  bool answers() const { return path_exists(rig_.directory() + "/sock") && call({"version"}).code == 0; }

  Daemon daemon_;
};

// A network: docker's libnetwork joins it by a prestart hook.
void joins_a_network(const Docker& docker) {
  const Outcome network =
      docker.run({"--rm", "--init", "--hostname", "here", "busybox", "sh", "-c", "hostname; ip addr; ps"});
  CHECK(contains(network.out, "here\n"));
  CHECK(contains(network.out, "eth0"));
  CHECK(contains(network.out, "docker-init"));
}

}  // namespace

// One daemon for all: it takes long to start.
TEST_CASE("docker runs, looks after and removes containers") {
  const Docker docker;
  runs_to_the_end(docker);
  joins_a_network(docker);
  keeps_limits(docker);
  looks_after_one(docker);
  gives_a_terminal(docker);
}

TEST_CASE("docker, in brief", "[brief]") {
  const Docker docker;
  works_in_brief(docker);
}
