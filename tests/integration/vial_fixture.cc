#include "tests/integration/vial_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"

namespace {

std::string required_variable(const char* name) {
  const char* value = ::getenv(name);
  INFO(name << " must be set: see tests/integration/CMakeLists.txt");
  REQUIRE(value != nullptr);
  return value;
}

std::string new_directory() {
  std::string path = "/tmp/vial-test.XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

// What all tests of this program share: the data and run roots with the samples loaded.
struct Roots {
  std::string base;
  std::string data;
  std::string run;

  Roots() {
    const std::string samples = required_variable("VIAL_SAMPLES");
    isolate_test_program({required_variable("VIAL_BIN_DIR"), samples});
    base = new_directory();
    data = base + "/data";
    run = base + "/run";
    for (const char* sample : {"hello", "busybox"}) {
      const auto loaded = run_command({program("vial"), "--root", data, "--run-root", run, "load", "-i",
                                       samples + "/" + sample + ".tar"});
      REQUIRE(loaded);
      INFO(loaded->err);
      REQUIRE(loaded->status.shell_code() == 0);
    }
    // What the first container makes and later ones share (directories, locks) is no leak.
    const auto first =
        run_command({program("vial"), "--root", data, "--run-root", run, "run", "--rm", "hello"});
    REQUIRE(first);
    INFO(first->err);
    REQUIRE(first->status.shell_code() == 0);
    // Its monitor may still be deleting.
    const std::string left = leaks_since(HostPicture::with_cgroups({}), 10);
    INFO(left);
    REQUIRE(left.empty());
  }
  ~Roots() { (void)remove_tree(base); }
  Roots(const Roots&) = delete;
  Roots& operator=(const Roots&) = delete;
};

const Roots& roots() {
  static const Roots made;
  return made;
}

std::vector<std::string> root_paths() {
  return {roots().data, roots().run};
}

[[noreturn]] void become(const Words& words) {
  const auto argv = exec_pointers(words);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

int exit_code(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return ExitStatus::from_wait_status(status).shell_code();
}

// Until end of file, or EIO, which is a terminal's.
void read_to_end(int fd, std::string& text) {
  std::array<char, 4096> buffer = {};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

}  // namespace

std::string program(const std::string& name) {
  return required_variable("VIAL_BIN_DIR") + "/" + name;
}

std::string probe_program() {
  return program("tests/inside/probe");
}

std::string sample_archive(const std::string& sample) {
  return required_variable("VIAL_SAMPLES") + "/" + sample + ".tar";
}

Vial::Vial() {
  (void)roots();
  directory_ = new_directory();
  before_ = HostPicture::with_cgroups(root_paths());
}

Vial::~Vial() {
  constexpr int kPatience =
      15;  // other programs on this machine may have containers of their own for a while
  const std::string left = leaks_since(before_, kPatience);
  INFO("left behind:\n" << left);
  CHECK(left.empty());
  if (!left.empty()) {  // one test's failure is not the next one's
    Words remove = {"rm", "-f"};
    for (const auto& id : split(trim(run({"ps", "-aq"}).out), '\n'))
      remove.push_back(id);
    (void)run(remove);
  }
  (void)remove_tree(directory_);
}

const std::string& Vial::data_root() const {
  return roots().data;
}

const std::string& Vial::run_root() const {
  return roots().run;
}

Words Vial::command_line(const Words& words) const {
  Words line = {program("vial"), "--root", roots().data, "--run-root", roots().run};
  line.insert(line.end(), words.begin(), words.end());
  return line;
}

Outcome Vial::run(const Words& words, const std::string& input) const {
  const auto output = run_command(command_line(words), input);
  REQUIRE(output);
  return {output->status.shell_code(), output->out, output->err};
}

Outcome Vial::run_after(const std::function<void()>& before, const Words& words) const {
  const std::string out = directory_ + "/out";
  const std::string err = directory_ + "/err";
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC;
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(::open(out.c_str(), kNewFile | O_CLOEXEC, 0600), 1);
    ::dup2(::open(err.c_str(), kNewFile | O_CLOEXEC, 0600), 2);
    before();
    become(command_line(words));
  }
  REQUIRE(pid > 0);
  Outcome outcome;
  outcome.code = exit_code(pid);
  outcome.out = read_file(out).value_or("");
  outcome.err = read_file(err).value_or("");
  return outcome;
}

Outcome Vial::run_on_terminal(const Words& words, const std::string& input) const {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(master);
  REQUIRE(::unlockpt(master.get()) == 0);
  std::array<char, 64> name = {};
  REQUIRE(::ptsname_r(master.get(), name.data(), name.size()) == 0);
  const winsize size = {33, 101, 0, 0};
  REQUIRE(::ioctl(master.get(), TIOCSWINSZ, &size) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    const int slave = ::open(name.data(), O_RDWR | O_CLOEXEC);  // becomes the controlling terminal
    for (int fd = 0; fd < 3; ++fd)
      ::dup2(slave, fd);
    become(command_line(words));
  }
  REQUIRE(pid > 0);
  (void)write_all(master.get(), input);
  Outcome outcome;
  read_to_end(master.get(), outcome.out);
  outcome.code = exit_code(pid);
  return outcome;
}

Json Vial::inside(const Words& options, const Words& arguments) const {
  Words words = {"run", "--rm", "-v", probe_program() + ":/probe:ro"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "/probe"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run(words);
  INFO(shell_words(words) << "\n" << outcome.err);
  REQUIRE(outcome.code == 0);
  const auto document = parse_json(outcome.out);
  REQUIRE(document);
  return *document;
}

Outcome Vial::shell(const Words& options, const std::string& script) const {
  Words words = {"run", "--rm"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "sh", "-c", script});
  return run(words);
}
