// containerd behind the Container Runtime Interface, as Kubernetes has it: pods and containers are what a
// kubelet asks for. The kubelet is a small client (tests/integration/cri); requests and replies are JSON
// after cri.proto.
#pragma once

#include <string>

#include "base/json.h"
#include "tests/integration/oci_callers.h"
#include "tests/integration/running_program.h"

// What network plugins remember of a pod has one place on a host: an empty one of this test's.
class NetworkRecords {
 public:
  NetworkRecords();
  ~NetworkRecords();
  NetworkRecords(const NetworkRecords&) = delete;
  NetworkRecords& operator=(const NetworkRecords&) = delete;
};

class Cri {
 public:
  Cri();
  // Stops and removes all pods.
  ~Cri();
  Cri(const Cri&) = delete;
  Cri& operator=(const Cri&) = delete;

  // {"reply": ...} or {"error": text}
  Json call(const std::string& method, const Json& request);
  // The reply; the test fails without one.
  Json must(const std::string& method, const Json& request);
  // What the server said; the test fails when it did what it was asked for.
  std::string refusal(const std::string& method, const Json& request);
  const CallerRig& rig() const { return rig_; }
  std::string log_directory() const { return rig_.directory() + "/logs"; }

 private:
  Words write_configuration() const;
  void import_image(const std::string& archive, const std::string& name);

  CallerRig rig_;
  NetworkRecords records_;
  Daemon daemon_;
  RunningProgram kubelet_;
  size_t read_ = 0;  // of what the client printed
};

// A pod of the runtime under test, its cgroups below the rig's. Removed with all its containers at the end.
class Pod {
 public:
  // `linux` is merged into the LinuxPodSandboxConfig; modes that are not named are the pod's own, but for the
  // pid namespace, which is the container's, as a kubelet asks for it.
  Pod(Cri& cri, const Json& linux);
  ~Pod();
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  const std::string& id() const { return id_; }
  // CreateContainer of the busybox image with these words; `linux` is its LinuxContainerConfig, `more` other
  // members of its ContainerConfig. Its id.
  std::string create(const std::string& name, const Words& words, const Json& linux = Json::object(),
                     const Json& more = Json::object());
  // create and StartContainer
  std::string start(const std::string& name, const Words& words, const Json& linux = Json::object(),
                    const Json& more = Json::object());
  // ContainerStatus's {"state", "exitCode", "reason", "message"}
  Json status(const std::string& container);
  // The same once it has ended.
  Json end_of(const std::string& container);
  // What a container called so has printed, lines without their heads.
  std::string log(const std::string& name) const;
  // ExecSync
  Outcome exec(const std::string& container, const Words& words);

 private:
  Cri& cri_;
  Json config_;
  std::string id_;
};
