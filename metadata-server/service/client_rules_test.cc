#include "metadata-server/service/client_rules.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/limits.h"
#include "common/status.h"

namespace weft::metadata {
namespace {

proto::Credentials Caller(uint32_t uid, uint32_t gid, const std::vector<uint32_t>& groups = {}) {
  proto::Credentials caller;
  caller.set_uid(uid);
  caller.set_gid(gid);
  for (const uint32_t group : groups) caller.add_groups(group);
  return caller;
}

wire::Peer At(std::string address) { return {.uuid = "u", .name = "n", .address = address}; }

ClientRules Rules(const ClientRuleOptions& options) {
  auto rules = ClientRules::Make(options);
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *std::move(rules);
}

TEST(AddressSetTest, AddressesAndRanges) {
  const auto set =
      AddressSet::Parse({"10.1.2.3", "192.168.0.0/17", "fd00::/12", "::1", "172.16.0.0/0"});
  ASSERT_TRUE(set.ok()) << set.status();
  const auto some = AddressSet::Parse({"10.1.2.3", "192.168.0.0/17", "fd00::/12", "::1"});
  ASSERT_TRUE(some.ok()) << some.status();
  const struct {
    const char* host;
    bool in_some, in_set;
  } cases[] = {
      {"10.1.2.3", true, true},
      {"10.1.2.4", false, true},
      {"::ffff:10.1.2.3", true, true},
      {"192.168.127.255", true, true},
      {"192.168.128.0", false, true},
      {"fd0f::9", true, true},
      {"fd10::9", false, false},
      {"::1", true, true},
      {"::2", false, false},
      {"unknown", false, false},
      {"", false, false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(some->Contains(c.host), c.in_some) << c.host;
    EXPECT_EQ(set->Contains(c.host), c.in_set) << c.host << ": /0 is all of IPv4";
  }
}

TEST(AddressSetTest, WhatIsNone) {
  for (const char* text : {"", "host", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/x", "::/129",
                           "10.1.2.3 ", "10.0.0.0/8/8"}) {
    const auto set = AddressSet::Parse({"10.1.2.3", text});
    EXPECT_EQ(ErrnoOf(set.status()), EINVAL) << text;
    EXPECT_NE(MessageOf(set.status()).find(text), std::string::npos);
  }
}

TEST(ClientRulesTest, RootIsRootUnlessSquashed) {
  const wire::Peer peer = At("10.0.0.1:5");
  proto::Credentials caller = Caller(0, 0, {0, 7});
  ASSERT_TRUE(Rules({}).Apply(&peer, &caller).ok());
  EXPECT_EQ(caller.uid(), 0u);
  EXPECT_EQ(caller.groups_size(), 2);
  ASSERT_TRUE(Rules({.root_squash = true, .anonymous_uid = 11, .anonymous_gid = 12})
                  .Apply(&peer, &caller)
                  .ok());
  EXPECT_EQ(caller.uid(), 11u);
  EXPECT_EQ(caller.gid(), 12u);
  EXPECT_EQ(caller.groups_size(), 0);
}

TEST(ClientRulesTest, TheGroupOfRootIsSquashedToo) {
  const wire::Peer peer = At("10.0.0.1:5");
  proto::Credentials caller = Caller(1000, 0, {5, 0});
  ASSERT_TRUE(Rules({.root_squash = true}).Apply(&peer, &caller).ok());
  EXPECT_EQ(caller.uid(), 1000u);
  EXPECT_EQ(caller.gid(), 65534u);
  EXPECT_EQ(caller.groups(0), 5u);
  EXPECT_EQ(caller.groups(1), 65534u);
}

TEST(ClientRulesTest, TrustedClientsKeepTheirRoot) {
  const ClientRules rules = Rules({.root_squash = true, .trusted_clients = {"10.0.0.0/24"}});
  const wire::Peer trusted = At("10.0.0.1:5");
  const wire::Peer other = At("10.0.1.1:5");
  proto::Credentials caller = Caller(0, 0);
  ASSERT_TRUE(rules.Apply(&trusted, &caller).ok());
  EXPECT_EQ(caller.uid(), 0u);
  ASSERT_TRUE(rules.Apply(&other, &caller).ok());
  EXPECT_EQ(caller.uid(), 65534u);
  caller = Caller(0, 0);
  ASSERT_TRUE(rules.Apply(nullptr, &caller).ok());
  EXPECT_EQ(caller.uid(), 65534u) << "who is not known is not trusted";
}

TEST(ClientRulesTest, ReadOnlyClients) {
  const ClientRules rules = Rules({.read_only_clients = {"10.0.0.7", "fd00::/8"}});
  const wire::Peer peers[] = {At("10.0.0.7:1"), At("10.0.0.8:1"), At("fd00::2:99")};
  EXPECT_TRUE(rules.IsReadOnly(&peers[0]));
  EXPECT_FALSE(rules.IsReadOnly(&peers[1]));
  EXPECT_TRUE(rules.IsReadOnly(&peers[2]));
  EXPECT_FALSE(Rules({}).IsReadOnly(&peers[0]));
}

TEST(ClientRulesTest, TooManyGroups) {
  const wire::Peer peer = At("10.0.0.1:5");
  proto::Credentials caller = Caller(1, 1, std::vector<uint32_t>(kMaxCallerGroups, 1));
  EXPECT_TRUE(Rules({}).Apply(&peer, &caller).ok());
  caller.add_groups(1);
  EXPECT_EQ(ErrnoOf(Rules({}).Apply(&peer, &caller)), EINVAL);
}

}  // namespace
}  // namespace weft::metadata
