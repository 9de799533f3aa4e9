// What a bundle, or a container that runs already, must not do to the host or to who comes in; and what a
// start must still be able to do when a filter or a namespace is tight.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <optional>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

namespace {}  // namespace

// Two creators and somebody who deletes: what the second made is no longer the first one's to take away.
TEST_CASE("a creator that is late leaves the container of the next one alone") {
  OciBundle oci;
  if (!is_vial_oci()) return;
  oci.write_config();
  std::optional<RunningProgram> late;
  {
    const Variable stop("VIAL_STOP_AT", "state.made");
    late.emplace(oci.command_line({"create", "-b", oci.bundle(), oci.id()}), oci.directory());
  }
  const std::string status = "/proc/" + std::to_string(late->pid()) + "/status";
  REQUIRE(within(kPatience,
                 [&] { return read_file(status).value_or("").find("T (stopped)") != std::string::npos; }));
  REQUIRE(oci.call({"delete", "--force", oci.id()}).code == 0);
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  late->signal(SIGCONT);
  const Outcome outcome = late->wait();
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("container with given ID already exists") != std::string::npos);
  CHECK(oci.status() == "created");
  oci.remove();
}
