// A second process in a container, and what callers hand to the runtime: process files, pid files, sockets
// for terminals, more descriptors.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

namespace {

bool text_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// What containerd's shim and conmon listen on: takes one terminal by SCM_RIGHTS.
class ConsoleSocket {
 public:
  explicit ConsoleSocket(std::string path)
      : path_(std::move(path)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    REQUIRE(path_.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 1) == 0);
  }
  const std::string& path() const { return path_; }
  Fd take() const {
    Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(connection);
    std::array<char, 256> text = {};
    iovec piece = {text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    REQUIRE(::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) > 0);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != nullptr);
    REQUIRE(header->cmsg_type == SCM_RIGHTS);
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return Fd(fd);
  }

 private:
  std::string path_;
  Fd listener_;
};

// Whether the terminal shows this in time.
bool shows(const Fd& terminal, const std::string& text) {
  std::string seen;
  return within(kPatience, [&] {
    int waiting = 0;
    if (::ioctl(terminal.get(), FIONREAD, &waiting) != 0 || waiting == 0) return text_has(seen, text);
    std::array<char, 4096> buffer = {};
    const ssize_t count = ::read(terminal.get(), buffer.data(), buffer.size());
    if (count > 0) seen.append(buffer.data(), static_cast<size_t>(count));
    return text_has(seen, text);
  });
}

Words exec_words(const OciBundle& oci, const Words& options, const Words& words) {
  Words all = {"exec"};
  all.insert(all.end(), options.begin(), options.end());
  all.push_back(oci.id());
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Json probe_in(const OciBundle& oci, const Words& options) {
  const Outcome outcome = oci.call(exec_words(oci, options, {"/probe"}));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto document = parse_json(outcome.out);
  REQUIRE(document);
  return *document;
}

}  // namespace

TEST_CASE("exec is in the container's namespaces, cgroups and root with its privileges") {
  OciBundle oci;
  oci.spec["linux"]["namespaces"].push_back({{"type", "cgroup"}});
  oci.launch({"sleep", "100"});
  const std::string pid = std::to_string(oci.state()["pid"].get<int>());
  const Json report = probe_in(oci, {});
  for (const char* kind : {"mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
    INFO(kind);
    CHECK(report["namespaces"][kind] ==
          sys::readlinkat(AT_FDCWD, ("/proc/" + pid + "/ns/" + kind).c_str()).value_or(""));
  }
  CHECK(report["hostname"] == "validation");
  CHECK(report["cwd"] == "/");
  if (oci_runtime_name() != "crun") CHECK(report["no_new_privs"] == 1);
  CHECK(report["capabilities"]["bounding"] == "0000000020000420");
  CHECK(report["capabilities"]["effective"] == "0000000020000420");
  for (const Json& line : report["cgroup"]["self"])
    CHECK(line.get<std::string>().ends_with(":/"));
  for (const Json& descriptor : report["descriptors"])
    CHECK(descriptor["cloexec"] == true);
  oci.remove();
}

TEST_CASE("exec takes a user, a directory, an environment") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const Json report =
      probe_in(oci, {"--user", "1234:2345", "--cwd", "/tmp", "--env", "A=b c", "--env", "TERM=dumb"});
  CHECK(report["uid"]["effective"] == 1234);
  CHECK(report["gid"]["effective"] == 2345);
  CHECK(report["cwd"] == "/tmp");
  std::string environment;
  for (const Json& entry : report["environment"])
    environment += entry.get<std::string>() + "\n";
  CHECK(text_has(environment, "A=b c\n"));
  if (oci_runtime_name() != "crun") CHECK(text_has(environment, "PATH=/sbin:/bin\n"));
  CHECK(text_has(environment, "TERM=dumb\n"));
  if (oci_runtime_name() != "crun") {  // an empty text is as good as none
    const Json same = probe_in(oci, {"--user", "", "--cwd", "", "--apparmor", "", "--process-label", ""});
    CHECK(same["uid"]["effective"] == 0);
    CHECK(same["cwd"] == "/");
  }
  oci.remove();
}

TEST_CASE("exec ends as its program ends, or says why there is none") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  CHECK(oci.call(exec_words(oci, {}, {"sh", "-c", "exit 9"})).code == 9);
  CHECK(oci.call(exec_words(oci, {}, {"sh", "-c", "kill -9 $$"})).code == 137);
  const Outcome missing = oci.call(exec_words(oci, {}, {"no-such-program"}));
  CHECK(missing.code != 0);
  CHECK((text_has(missing.err, "executable file not found in $PATH") || text_has(missing.err, "not found")));
  if (oci_runtime_name() == "crun") return oci.remove();
  const Outcome directory = oci.call(exec_words(oci, {}, {"/etc"}));
  CHECK(directory.code != 0);
  CHECK((text_has(directory.err, "permission denied") || text_has(directory.err, "Permission denied") ||
         text_has(directory.err, "is a directory") || text_has(directory.err, "not a regular file")));
  CHECK(oci.status() == "running");
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(oci.call(exec_words(oci, {}, {"true"})).code != 0);
  oci.remove();
}

// As containerd's shim and conmon call it.
TEST_CASE("exec reads a process file, detaches and writes a pid file") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  Json process = oci.spec["process"];
  process["args"] = {"sh", "-c", "echo $A $(id -u) > /tmp/seen; while :; do sleep 0.05; done"};
  process["env"] = {"PATH=/bin", "A=b"};
  process["user"] = {{"uid", 1234}, {"gid", 2345}};
  const std::string file = oci.directory() + "/process.json";
  const std::string pid_file = oci.directory() + "/exec.pid";
  REQUIRE(create_file(file, dump_json(process)));
  REQUIRE(oci.call({"exec", "--process", file, "--detach", "--pid-file", pid_file, oci.id()}).code == 0);
  CHECK(within(kPatience, [&] { return read_file(oci.rootfs("/tmp/seen")).value_or("") == "b 1234\n"; }));
  const std::string pid = read_file(pid_file).value_or("");
  const std::string status = read_file("/proc/" + pid + "/status").value_or("");
  CHECK(text_has(status, "Uid:\t1234\t1234"));
  const auto pids = parse_json(oci.call({"ps", "--format", "json", oci.id()}).out);
  REQUIRE(pids);
  REQUIRE(pids->is_array());
  bool listed = false;
  for (const Json& number : *pids)
    listed = listed || std::to_string(number.get<int>()) == pid;
  CHECK(listed);
  oci.remove();
}

TEST_CASE("a created container hands its terminal over, in the size of the configuration") {
  OciBundle oci;
  const ConsoleSocket socket(oci.directory() + "/console");
  oci.spec["process"]["terminal"] = true;
  oci.spec["process"]["consoleSize"] = {{"height", 33}, {"width", 101}};
  const Outcome created =
      oci.create({"sh", "-c", "tty; stty size; ls -l /dev/console; read line; echo got $line"},
                 {"--console-socket", socket.path()});
  INFO(created.err);
  REQUIRE(created.code == 0);
  const Fd terminal = socket.take();
  REQUIRE(oci.start().code == 0);
  CHECK(shows(terminal, "/dev/pts/0"));
  REQUIRE(write_all(terminal.get(), "typed\n"));
  CHECK(shows(terminal, "got typed"));
  CHECK(oci.becomes("stopped"));
  oci.remove();
}

TEST_CASE("exec hands its terminal over") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const ConsoleSocket socket(oci.directory() + "/console");
  Json process = oci.spec["process"];
  process["args"] = {"sh", "-c", "read line; echo got $line; tty; exec sleep 100"};
  process["terminal"] = true;
  REQUIRE(create_file(oci.directory() + "/process.json", dump_json(process)));
  const Outcome outcome = oci.call({"exec", "--process", oci.directory() + "/process.json",
                                    "--console-socket", socket.path(), "--detach", oci.id()});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const Fd terminal = socket.take();
  REQUIRE(write_all(terminal.get(), "typed\n"));
  CHECK(shows(terminal, "/dev/pts/"));
  oci.remove();
}

TEST_CASE("a container that is paused takes no exec") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  if (oci_runtime_name() != "crun") CHECK(oci.call(exec_words(oci, {}, {"true"})).code != 0);
  REQUIRE(oci.call({"resume", oci.id()}).code == 0);
  CHECK(oci.call(exec_words(oci, {}, {"true"})).code == 0);
  oci.remove();
}

TEST_CASE("list names every container") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const Outcome quiet = oci.call({"list", "-q"});
  CHECK(quiet.out == oci.id() + "\n");
  const auto all = parse_json(oci.call({"list", "--format", "json"}).out);
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK((*all)[0]["id"] == oci.id());
  CHECK((*all)[0]["status"] == "running");
  oci.remove();
}

TEST_CASE("the version is said as docker reads it") {
  const OciBundle oci;
  const Outcome outcome = oci.call({"--version"});
  CHECK(outcome.code == 0);
  CHECK(text_has(outcome.out, " version "));
  CHECK(text_has(outcome.out, "\ncommit: "));
  CHECK(text_has(outcome.out, "\nspec: 1."));
}

// The shim takes the last error of the log as what went wrong.
TEST_CASE("what goes wrong is in the log, as JSON") {
  OciBundle oci;
  oci.spec["process"]["args"] = {"no-such-program"};
  oci.write_config();
  const std::string log = oci.directory() + "/log.json";
  const Outcome outcome =
      oci.call({"--log", log, "--log-format", "json", "create", "--bundle", oci.bundle(), oci.id()});
  CHECK(outcome.code != 0);
  const auto lines = split(trim(read_file(log).value_or("")), '\n');
  INFO(read_file(log).value_or(""));
  const auto last = parse_json(lines.back());
  REQUIRE(last);
  CHECK((*last)["level"] == "error");
  CHECK(text_has((*last)["msg"].get<std::string>(), "no-such-program"));
  CHECK((*last)["time"].get<std::string>().find('T') == 10);
  CHECK(oci.status() == "unknown");
}

TEST_CASE("descriptors are kept for the container when the caller says so") {
  OciBundle oci;
  if (oci_runtime_name() == "crun") return;  // 1.8 keeps them for create alone
  Words line = {"/bin/sh", "-c", "exec 3</etc/hostname; exec \"$@\"", "sh"};
  oci.spec["process"]["args"] = {"readlink", "/proc/self/fd/3"};
  oci.write_config();
  for (const auto& word :
       oci.command_line({"run", "--preserve-fds", "1", "--bundle", oci.bundle(), oci.id()}))
    line.push_back(word);
  const Outcome kept = run_into_files(line, oci.directory());
  INFO(kept.err);
  CHECK(text_has(kept.out, "hostname"));
}
