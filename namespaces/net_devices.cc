#include "namespaces/net_devices.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/sched.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/route_socket.h"

namespace namespaces {
namespace {

struct Address {
  ifaddrmsg head = {};
  std::string local;
  std::string peer;
  std::string broadcast;
};

// The index of the interface `name` in the socket's namespace; kNotFound without one.
Result<int> find_link(const RouteSocket& socket, const std::string& name) {
  RouteMessage message(RTM_GETLINK, NLM_F_ACK, ifinfomsg{});
  message.add_text(IFLA_IFNAME, name);
  auto answers = socket.ask(std::move(message));
  if (!answers && answers.error().error_number() == ENODEV)
    return not_found("there is no network interface " + printable(name));
  if (!answers) return std::move(answers).error();
  ifinfomsg info = {};
  if (answers->empty() || answers->front().body.size() < sizeof info)
    return corrupt("rtnetlink: no link in the answer");
  std::memcpy(&info, answers->front().body.data(), sizeof info);
  return info.ifi_index;
}

// Those that the specification wants kept: permanent and of global scope.
Result<std::vector<Address>> addresses_of(const RouteSocket& socket, int index) {
  const auto answers = TRY(socket.ask(RouteMessage(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{})));
  std::vector<Address> found;
  for (const auto& answer : answers) {
    Address address;
    if (answer.type != RTM_NEWADDR || answer.body.size() < sizeof address.head) continue;
    std::memcpy(&address.head, answer.body.data(), sizeof address.head);
    const bool is_ours = address.head.ifa_index == static_cast<unsigned>(index) &&
                         address.head.ifa_scope == RT_SCOPE_UNIVERSE &&
                         (address.head.ifa_flags & IFA_F_PERMANENT) != 0;
    if (!is_ours) continue;
    const std::string_view attributes = std::string_view(answer.body).substr(sizeof address.head);
    address.local = find_attribute(attributes, IFA_LOCAL);
    address.peer = find_attribute(attributes, IFA_ADDRESS);
    address.broadcast = find_attribute(attributes, IFA_BROADCAST);
    found.push_back(std::move(address));
  }
  return found;
}

Error name_taken(const std::string& name) {
  return conflict("the container has an interface " + printable(name) + " already");
}

Result<bool> is_free(const RouteSocket& socket, const std::string& name) {
  const auto there = find_link(socket, name);
  if (!there && there.error().kind() != ErrorKind::kNotFound) return there.error();
  return !there;
}

// Asked before the move: the kernel moves first, fails to rename, and the interface is gone from the host.
// "eth%d" asks for the first name that is free, as the kernel counts; chosen here, since its answer does not
// say which it was.
Result<std::string> choose_name(const RouteSocket& socket, const std::string& wanted) {
  constexpr std::string_view kNumber = "%d";
  if (!wanted.ends_with(kNumber)) {
    if (!TRY(is_free(socket, wanted))) return name_taken(wanted);
    return wanted;
  }
  const std::string stem = wanted.substr(0, wanted.size() - kNumber.size());
  for (unsigned number = 0;; ++number) {
    std::string name = stem + std::to_string(number);
    if (name.size() >= IFNAMSIZ) return conflict("the container has no name " + printable(wanted) + " left");
    if (TRY(is_free(socket, name))) return name;
  }
}

Result<void> move_link(const RouteSocket& socket, int index, int namespace_fd, const NetDeviceMove& move) {
  ifinfomsg info = {};
  info.ifi_index = index;
  info.ifi_change = IFF_UP;  // down: the kernel renames no interface that is up
  TRY(socket.ask(RouteMessage(RTM_NEWLINK, NLM_F_ACK, info)));
  info.ifi_change = 0;
  RouteMessage message(RTM_NEWLINK, NLM_F_ACK, info);
  message.add(IFLA_NET_NS_FD, static_cast<uint32_t>(namespace_fd));
  message.add_text(IFLA_IFNAME, move.container_name);
  auto moved = socket.ask(std::move(message));
  if (moved) return ok();
  if (moved.error().error_number() == EEXIST) return name_taken(move.container_name);
  if (moved.error().error_number() == EINVAL)
    return unsupported(printable(move.host_name) + " can't leave its network namespace");
  return std::move(moved).error();
}

// What the kernel took away by the move: the addresses; and up it goes.
Result<void> set_up(const RouteSocket& socket, const std::string& name,
                    const std::vector<Address>& addresses) {
  const int index = TRY(find_link(socket, name));
  for (const auto& address : addresses) {
    ifaddrmsg head = address.head;
    head.ifa_index = static_cast<unsigned>(index);
    RouteMessage message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, head);
    if (!address.local.empty()) message.add(IFA_LOCAL, address.local);
    if (!address.peer.empty()) message.add(IFA_ADDRESS, address.peer);
    if (!address.broadcast.empty()) message.add(IFA_BROADCAST, address.broadcast);
    TRY_IN("keep an address", socket.ask(std::move(message)));
  }
  ifinfomsg info = {};
  info.ifi_index = index;
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  TRY(socket.ask(RouteMessage(RTM_NEWLINK, NLM_F_ACK, info)));
  return ok();
}

class MoveNetDevice : public Step {
 public:
  explicit MoveNetDevice(NetDeviceMove move)
      : Step(Lane::kHost, "move interface " + printable(move.host_name) + " inside"),
        move_(std::move(move)) {}

  Result<void> perform(StepContext& context) const override {
    const std::string path = move_.network_namespace.empty()
                                 ? "/proc/" + std::to_string(context.init_pid) + "/ns/net"
                                 : move_.network_namespace;
    const Fd theirs = TRY(sys::open(path.c_str(), O_RDONLY));
    const Fd ours = TRY(sys::open("/proc/self/ns/net", O_RDONLY));
    const RouteSocket host = TRY(RouteSocket::open());
    const int index = TRY(find_link(host, move_.host_name));
    const auto addresses = TRY(addresses_of(host, index));
    // A socket belongs to the namespace it was made in: the launcher is there for that one call.
    TRY(sys::setns(theirs.get(), CLONE_NEWNET));
    auto container = RouteSocket::open();
    TRY(sys::setns(ours.get(), CLONE_NEWNET));
    if (!container) return std::move(container).error();
    NetDeviceMove move = move_;
    move.container_name = TRY(choose_name(*container, move_.container_name));
    TRY(move_link(host, index, theirs.get(), move));
    return set_up(*container, move.container_name, addresses);
  }
  std::string say() const override {
    return "RTM_GETADDR(" + move_.host_name + "); RTM_NEWLINK(IFLA_NET_NS_FD, IFLA_IFNAME " +
           move_.container_name + "); RTM_NEWADDR(); RTM_NEWLINK(IFF_UP)";
  }
  std::string shell() const override {
    return "# ip link set " + shell_quote(move_.host_name) + " down netns PID name " +
           shell_quote(move_.container_name) + "; then its addresses again, and up";
  }
  Reason why() const override {
    return {"a whole interface of the host, with its addresses, is the container's alone",
            "network_namespaces(7)"};
  }

 private:
  NetDeviceMove move_;
};

}  // namespace

StepPtr move_net_device_step(NetDeviceMove move) {
  return std::make_unique<MoveNetDevice>(std::move(move));
}

}  // namespace namespaces
