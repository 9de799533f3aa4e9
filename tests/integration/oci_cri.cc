#include "tests/integration/oci_cri.h"

#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/unit/archive/archives.h"

namespace {

constexpr const char* kNamespace = "k8s.io";
constexpr const char* kImage = "docker.io/library/busybox:latest";
constexpr const char* kPauseImage = "docker.io/library/pause:test";
constexpr const char* kNetworkRecords = "/var/lib/cni";
// Seconds; the client itself gives up earlier.
constexpr int kLongestCall = 150;

// What holds a pod's namespaces while its containers come and go.
std::string pause_archive() {
  const auto busybox = read_file("/bin/busybox");
  REQUIRE(busybox);
  TestImage image;
  image.layers = {tar_of({directory("bin"), file("bin/busybox", *busybox, 0755)})};
  image.config = dump_json({{"architecture", "amd64"},
                            {"os", "linux"},
                            {"config", {{"Entrypoint", {"/bin/busybox", "sleep", "100000"}}}},
                            {"rootfs", {{"type", "layers"}, {"diff_ids", {sha256(image.layers.front())}}}}});
  image.tag = "pause:test";
  return tar_of(docker_archive(image));
}

// A link between the pod and the daemon's network namespace, with 10.86.0.1 at the far end.
Json network(const std::string& directory) {
  const Json ipam = {{"type", "host-local"},
                     {"dataDir", directory + "/addresses"},
                     {"routes", {{{"dst", "0.0.0.0/0"}}}},
                     {"ranges", {{{{"subnet", "10.86.0.0/24"}}}}}};
  return {{"cniVersion", "0.4.0"}, {"name", "pods"}, {"plugins", {{{"type", "ptp"}, {"ipam", ipam}}}}};
}

std::string client_program() {
  const std::string source = __FILE__;
  return source.substr(0, source.rfind('/')) + "/cri";
}

}  // namespace

NetworkRecords::NetworkRecords() {
  REQUIRE(make_directories(kNetworkRecords, 0755));
  REQUIRE(::mount("vial-tests", kNetworkRecords, "tmpfs", 0, nullptr) == 0);
}

NetworkRecords::~NetworkRecords() {
  CHECK(::umount2(kNetworkRecords, MNT_DETACH) == 0);
  (void)::rmdir(kNetworkRecords);  // the host's own are kept
}

Cri::Cri()
    : daemon_(write_configuration(), rig_.directory() + "/log",
              [this] { return path_exists(rig_.directory() + "/sock"); }),
      kubelet_({client_program(), rig_.directory() + "/sock"}, rig_.directory() + "/kubelet") {
  REQUIRE(create_file(rig_.directory() + "/pause.tar", pause_archive()));
  import_image(rig_.image(), kImage);
  import_image(rig_.directory() + "/pause.tar", kPauseImage);
}

Cri::~Cri() {
  for (const auto& pod : call("ListPodSandbox", Json::object())["reply"]["items"]) {
    (void)call("StopPodSandbox", {{"podSandboxId", pod["id"]}});
    (void)call("RemovePodSandbox", {{"podSandboxId", pod["id"]}});
  }
}

Words Cri::write_configuration() const {
  const std::string& own = rig_.directory();
  REQUIRE(make_directories(own + "/kubelet", 0755));
  REQUIRE(make_directories(own + "/cni", 0755));
  REQUIRE(create_file(own + "/cni/10-pods.conflist", dump_json(network(own))));
  // A root without CAP_SYS_RESOURCE can't give a pod the oom_score_adj that Kubernetes wants.
  REQUIRE(create_file(
      own + "/config.toml",
      "version = 2\nroot = \"" + own + "/root\"\nstate = \"" + own + "/state\"\n" + "[grpc]\naddress = \"" +
          own + "/sock\"\n" + "[plugins.\"io.containerd.internal.v1.opt\"]\npath = \"" + own + "/opt\"\n" +
          "[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"" + kPauseImage + "\"\n" +
          "restrict_oom_score_adj = true\ndisable_tcp_service = true\n" +
          "[plugins.\"io.containerd.grpc.v1.cri\".cni]\nbin_dir = \"/usr/lib/cni\"\nconf_dir = \"" + own +
          "/cni\"\n" + "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n" +
          "runtime_type = \"io.containerd.runc.v2\"\n" +
          "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nBinaryName = \"" +
          oci_runtime() + "\"\n"));
  return {"/usr/bin/containerd", "-c", own + "/config.toml"};
}

void Cri::import_image(const std::string& archive, const std::string& name) {
  rig_.must({"/usr/bin/ctr", "--address", rig_.directory() + "/sock", "--namespace", kNamespace, "image",
             "import", archive});
  Json answer;
  const bool known = within(kPatience, [&] {
    answer = call("ImageStatus", {{"image", {{"image", name}}}});
    return answer.contains(Json::json_pointer("/reply/image/id"));
  });
  INFO(name << ": " << dump_json(answer));
  REQUIRE(known);
}

Json Cri::call(const std::string& method, const Json& request) {
  kubelet_.type(method + " " + dump_json(request) + "\n");
  std::string answer;
  const bool answered = within(kLongestCall, [&] {
    const std::string all = kubelet_.out();
    const size_t end = all.find('\n', read_);
    if (end == std::string::npos) return false;
    answer = all.substr(read_, end - read_);
    read_ = end + 1;
    return true;
  });
  INFO(method << " " << dump_json(request) << "\n" << kubelet_.err());
  REQUIRE(answered);
  return parse_json(answer).value();
}

Json Cri::must(const std::string& method, const Json& request) {
  const Json answer = call(method, request);
  INFO(method << " " << dump_json(request) << ": " << dump_json(answer));
  REQUIRE(answer.contains("reply"));
  return answer["reply"];
}

std::string Cri::refusal(const std::string& method, const Json& request) {
  const Json answer = call(method, request);
  INFO(method << " " << dump_json(request) << ": " << dump_json(answer));
  REQUIRE(answer.contains("error"));
  return answer["error"];
}

Pod::Pod(Cri& cri, const Json& linux) : cri_(cri) {
  static int count = 0;
  const std::string name = "pod" + std::to_string(++count);
  config_ = {{"metadata", {{"name", name}, {"uid", name}, {"namespace", "default"}}},
             {"logDirectory", cri.log_directory()},
             {"dnsConfig", {{"servers", {"192.0.2.53"}}}},
             {"linux",
              {{"cgroupParent", "/" + cri.rig().name()},
               {"securityContext", {{"namespaceOptions", {{"pid", "CONTAINER"}}}}}}}};
  config_["linux"].merge_patch(linux);
  // A pod on the node's network has the node's name.
  const Json mode =
      config_.value("/linux/securityContext/namespaceOptions/network"_json_pointer, Json("POD"));
  if (mode == "POD") config_["hostname"] = name;
  id_ = cri_.must("RunPodSandbox", {{"config", config_}})["podSandboxId"];
}

Pod::~Pod() {
  CHECK(cri_.call("StopPodSandbox", {{"podSandboxId", id_}}).contains("reply"));
  CHECK(cri_.call("RemovePodSandbox", {{"podSandboxId", id_}}).contains("reply"));
}

std::string Pod::create(const std::string& name, const Words& words, const Json& linux, const Json& more) {
  Json config = {{"metadata", {{"name", name}}},
                 {"image", {{"image", kImage}}},
                 {"command", words},
                 {"logPath", name + ".log"},
                 {"linux", {{"securityContext", {{"namespaceOptions", {{"pid", "CONTAINER"}}}}}}}};
  config["linux"].merge_patch(linux);
  config.merge_patch(more);
  const Json request = {{"podSandboxId", id_}, {"config", config}, {"sandboxConfig", config_}};
  return cri_.must("CreateContainer", request)["containerId"];
}

std::string Pod::start(const std::string& name, const Words& words, const Json& linux, const Json& more) {
  std::string container = create(name, words, linux, more);
  cri_.must("StartContainer", {{"containerId", container}});
  return container;
}

Json Pod::status(const std::string& container) {
  return cri_.must("ContainerStatus", {{"containerId", container}})["status"];
}

Json Pod::end_of(const std::string& container) {
  CHECK(within(kPatience, [&] { return status(container)["state"] == "CONTAINER_EXITED"; }));
  return status(container);
}

std::string Pod::log(const std::string& name) const {
  std::string text;
  for (const auto& line : split(read_file(cri_.log_directory() + "/" + name + ".log").value_or(""), '\n')) {
    // TIME STREAM TAG TEXT
    size_t start = 0;
    for (int field = 0; field < 3 && start != std::string::npos; ++field)
      start = line.find(' ', start) + 1;
    if (!line.empty()) text += line.substr(start) + "\n";
  }
  return text;
}

Outcome Pod::exec(const std::string& container, const Words& words) {
  const Json reply =
      cri_.must("ExecSync", {{"containerId", container}, {"cmd", words}, {"timeout", kPatience}});
  return {reply["exitCode"], reply["stdout"], reply["stderr"]};
}
