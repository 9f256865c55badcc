// What each operation asks of the caller, and what it changes of the mode.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "common/limits.h"
#include "metadata-server/namespace/testing/permissions_fixture.h"

namespace weft::metadata {
namespace {

using PermissionsTest = PermissionsFixture;

TEST_F(PermissionsTest, ADirectoryThatOthersMayNotUse) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId f = ns_.MakeFile(d, "f");
  const InodeId other =
      InodeId(ns_.Make(kRootInode, "open", proto::DIRECTORY, {}, 0777)->inode_id());
  ASSERT_EQ(Chmod(other, 0777), 0);
  ASSERT_EQ(Chmod(d, 0700), 0);
  Be(stranger_);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "f")), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "missing")), EACCES) << "not even that it is missing";
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "..")), EACCES);
  EXPECT_EQ(ReadDir(d), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "n", proto::REGULAR)), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "f", proto::REGULAR)), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Create(d, "n")), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Create(d, "f")), EACCES);
  EXPECT_EQ(ns_.Unlink(d, "f"), EACCES);
  EXPECT_EQ(ns_.Unlink(d, "missing"), EACCES);
  EXPECT_EQ(ns_.Rmdir(d, "f"), EACCES);
  EXPECT_EQ(ns_.Link(f, d, "l"), EACCES);
  EXPECT_EQ(ns_.Rename(d, "f", other, "g"), EACCES);
  EXPECT_EQ(ns_.Rename(other, "missing", d, "g"), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.TryGet(d)), 0) << "getattr needs no permission";
  Be(root_);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "f")), 0);
  EXPECT_EQ(ReadDir(d), 0);
  ns_.ExpectInvariants();
}

// As Linux orders them: what exists is told to who may search, before who may write is asked.
TEST_F(PermissionsTest, ADirectoryThatOthersMayOnlySearch) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId f = ns_.MakeFile(d, "f");
  ns_.MakeDir(d, "s");
  ASSERT_EQ(Chmod(d, 0711), 0);
  ASSERT_EQ(Chmod(f, 0666), 0);
  Be(stranger_);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "f")), 0);
  EXPECT_EQ(ErrnoOf(ns_.Lookup(d, "missing")), ENOENT);
  EXPECT_EQ(ReadDir(d), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "f", proto::REGULAR)), EEXIST);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "n", proto::REGULAR)), EACCES);
  EXPECT_EQ(ErrnoOf(ns_.Create(d, "f")), 0) << "O_CREAT of what exists is an open";
  EXPECT_EQ(ErrnoOf(ns_.Create(d, "f", /*exclusive=*/true)), EEXIST);
  EXPECT_EQ(ErrnoOf(ns_.Create(d, "n")), EACCES);
  EXPECT_EQ(ns_.Unlink(d, "missing"), ENOENT);
  EXPECT_EQ(ns_.Unlink(d, "s"), EACCES) << "before EISDIR";
  EXPECT_EQ(ns_.Rmdir(d, "f"), EACCES) << "before ENOTDIR";
  EXPECT_EQ(ns_.Link(f, d, "f"), EEXIST);
  EXPECT_EQ(ns_.Link(f, d, "l"), EACCES);
}

TEST_F(PermissionsTest, StickyDirectories) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId mine = ns_.MakeFile(d, "mine");
  ASSERT_EQ(Chmod(d, 01777), 0);
  ASSERT_EQ(Chmod(mine, 0666), 0);
  Be(stranger_);
  ASSERT_EQ(ErrnoOf(ns_.Make(d, "theirs", proto::REGULAR)), 0);
  EXPECT_EQ(ns_.Unlink(d, "mine"), EPERM);
  EXPECT_EQ(ns_.Rename(d, "mine", d, "new"), EPERM);
  EXPECT_EQ(ns_.Rename(d, "theirs", d, "mine"), EPERM) << "the replaced one goes, too";
  EXPECT_EQ(ns_.Rename(d, "theirs", d, "mine", TestNamespace::RenameFlag::kExchange), EPERM);
  EXPECT_EQ(ns_.Rename(d, "theirs", d, "new"), 0);
  EXPECT_EQ(ns_.Unlink(d, "new"), 0);
  Be(root_);
  EXPECT_EQ(ns_.Unlink(d, "mine"), 0);
}

TEST_F(PermissionsTest, ADirectoryThatMovesMustBeWritable) {
  const InodeId a = ns_.MakeDir(kRootInode, "a");
  const InodeId b = ns_.MakeDir(kRootInode, "b");
  const InodeId moved = ns_.MakeDir(a, "d");
  ns_.MakeDir(b, "e");
  ASSERT_EQ(Chmod(moved, 0555), 0);
  EXPECT_EQ(ns_.Rename(a, "d", b, "d"), EACCES);
  EXPECT_EQ(ns_.Rename(b, "e", a, "d", TestNamespace::RenameFlag::kExchange), EACCES);
  EXPECT_EQ(ns_.Rename(a, "d", a, "d2"), 0) << "its \"..\" stays";
  ASSERT_EQ(Chmod(moved, 0755), 0);
  EXPECT_EQ(ns_.Rename(a, "d2", b, "d"), 0);
}

TEST_F(PermissionsTest, DirectoriesHaveSoManySubdirectories) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const InodeId e = ns_.MakeDir(kRootInode, "e");
  ns_.MakeDir(d, "s");
  ns_.MakeFile(d, "f");
  ns_.MakeDir(e, "t");
  // As if there were as many as can be.
  auto record = ReadInode(ns_.store(), d);
  ASSERT_TRUE(record.ok());
  record->mutable_attr()->set_nlink(kMaxLinks);
  Batch batch;
  batch.Put(Family::kInode, InodeKey(d), record->SerializeAsString());
  ASSERT_TRUE(ns_.store().Commit(batch).ok());
  using enum TestNamespace::RenameFlag;
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "n", proto::DIRECTORY)), EMLINK);
  EXPECT_EQ(ErrnoOf(ns_.Make(d, "n", proto::REGULAR)), 0);
  EXPECT_EQ(ns_.Rename(e, "t", d, "t"), EMLINK);
  EXPECT_EQ(ns_.Rename(e, "t", d, "f", kExchange), EMLINK);
  EXPECT_EQ(ns_.Rename(d, "f", e, "t", kExchange), EMLINK);
  EXPECT_EQ(ns_.Rename(e, "t", d, "s", kExchange), 0) << "one for one";
  EXPECT_EQ(ns_.Rename(e, "t", d, "s"), 0) << "replaces one";
}

TEST_F(PermissionsTest, OpeningAsksForWhatIsWanted) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  for (uint32_t bits = 0; bits <= 7; ++bits) {
    Be(owner_);
    ASSERT_EQ(Chmod(f, bits), 0);
    Be(stranger_);
    const bool r = (bits & 4) != 0, w = (bits & 2) != 0, x = (bits & 1) != 0;
    EXPECT_EQ(OpenWith(f, 0), r ? 0 : EACCES) << bits;
    EXPECT_EQ(OpenWith(f, 4), r ? 0 : EACCES) << bits;
    EXPECT_EQ(OpenWith(f, 1), x ? 0 : EACCES) << bits << ", execve";
    EXPECT_EQ(OpenWith(f, 2, /*for_writing=*/true), w ? 0 : EACCES) << bits << ", O_WRONLY";
    EXPECT_EQ(OpenWith(f, 6, /*for_writing=*/true), r && w ? 0 : EACCES) << bits << ", O_RDWR";
    EXPECT_EQ(OpenWith(f, 4, /*for_writing=*/true), r && w ? 0 : EACCES) << bits << ", a lie";
    EXPECT_EQ(ns_.Open(f, false, kSession, /*truncate=*/true), r && w ? 0 : EACCES) << bits;
  }
}

TEST_F(PermissionsTest, ContentWithoutAnOpen) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  ASSERT_EQ(ns_.Write(f, 0, "secret"), 0);
  ASSERT_EQ(Chmod(f, 0600), 0);
  Be(stranger_);
  EXPECT_EQ(ns_.Write(f, 0, "x"), EACCES);
  EXPECT_EQ(ns_.MoveToChunks(f, 6), EACCES);
  proto::ReadInlineRequest read;
  read.set_inode_id(f.value());
  read.set_session_id(kSession.value());
  *read.mutable_credentials() = stranger_;
  EXPECT_EQ(ErrnoOf(ns_->ReadInline(read, nullptr)), EACCES);
  proto::LookupRequest lookup;
  lookup.set_parent_id(kRootInode.value());
  lookup.set_name("f");
  lookup.set_want_inline(true);
  *lookup.mutable_credentials() = stranger_;
  std::string payload;
  EXPECT_EQ(ErrnoOf(ns_->Lookup(lookup, &payload)), 0);
  EXPECT_EQ(payload, "") << "its name is told, not its content";
  *lookup.mutable_credentials() = owner_;
  EXPECT_EQ(ErrnoOf(ns_->Lookup(lookup, &payload)), 0);
  EXPECT_EQ(payload, "secret");

  Be(owner_);
  ASSERT_EQ(ns_.Open(f, /*for_writing=*/true), 0);
  ASSERT_EQ(Chmod(f, 0), 0);
  EXPECT_EQ(ns_.Write(f, 0, "SECRET"), 0) << "the open was checked";
  EXPECT_EQ(ErrnoOf(ns_->ReadInline(read, nullptr)), 0);
  ASSERT_EQ(ns_.Close(f, /*for_writing=*/true), 0);
  EXPECT_EQ(ns_.Write(f, 0, "x"), EACCES);
}

TEST_F(PermissionsTest, Chmod) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(Chmod(f, 06755), 0);
  EXPECT_EQ(PermissionsOfInode(f), 06755u);
  Be(stranger_);
  EXPECT_EQ(Chmod(f, 0777), EPERM);
  EXPECT_EQ(Chmod(f, 06755), EPERM) << "also where nothing would change";
  Be(root_);
  ASSERT_EQ(Chown(f, kUser, kStrangersGroup), 0);
  Be(owner_);
  EXPECT_EQ(Chmod(f, 02755), 0);
  EXPECT_EQ(PermissionsOfInode(f), 0755u) << "set-group-id of a group that he is not in";
  Be(root_);
  EXPECT_EQ(Chmod(f, 02755), 0);
  EXPECT_EQ(PermissionsOfInode(f), 02755u);
}

TEST_F(PermissionsTest, Chown) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  EXPECT_EQ(Chown(f, kStranger, kUnset), EPERM);
  EXPECT_EQ(Chown(f, kUser, kUnset), 0) << "it is his";
  EXPECT_EQ(Chown(f, kUnset, kStrangersGroup), EPERM);
  ASSERT_EQ(Chmod(f, 06755), 0);
  EXPECT_EQ(Chown(f, kUnset, kSharedGroup), 0);
  EXPECT_EQ(ns_.Get(f).gid(), kSharedGroup);
  EXPECT_EQ(PermissionsOfInode(f), 0755u);
  Be(stranger_);
  EXPECT_EQ(Chown(f, kUnset, kSharedGroup), EPERM);
  EXPECT_EQ(Chown(f, kStranger, kUnset), EPERM);
  Be(root_);
  ASSERT_EQ(Chmod(f, 06745), 0);
  EXPECT_EQ(Chown(f, kStranger, kStrangersGroup), 0);
  EXPECT_EQ(PermissionsOfInode(f), 02745u) << "root's drop them, too; this one means locking";
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ASSERT_EQ(Chmod(d, 06755), 0);
  EXPECT_EQ(Chown(d, kStranger, kStrangersGroup), 0);
  EXPECT_EQ(PermissionsOfInode(d), 06755u);
}

TEST_F(PermissionsTest, Times) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const Change now = [](auto* request) {
    request->set_atime_now(true);
    request->set_mtime_now(true);
  };
  const Change value = [](auto* request) { request->set_mtime_ns(5); };
  const Change one_now = [](auto* request) { request->set_atime_now(true); };
  ASSERT_EQ(Chmod(f, 0), 0);
  EXPECT_EQ(Set(f, now), 0) << "the owner may, whatever the mode";
  EXPECT_EQ(Set(f, value), 0);
  EXPECT_EQ(Set(f, one_now), 0);
  Be(stranger_);
  EXPECT_EQ(Set(f, now), EACCES);
  EXPECT_EQ(Set(f, value), EPERM);
  EXPECT_EQ(Set(f, one_now), EPERM);
  Be(owner_);
  ASSERT_EQ(Chmod(f, 0002), 0);
  Be(stranger_);
  EXPECT_EQ(Set(f, now), 0);
  EXPECT_EQ(Set(f, value), EPERM);
  EXPECT_EQ(Set(f, one_now), EPERM);
}

TEST_F(PermissionsTest, Truncate) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  ASSERT_EQ(Chmod(f, 06755), 0);
  EXPECT_EQ(ns_.Truncate(f, 5), 0);
  EXPECT_EQ(PermissionsOfInode(f), 0755u) << "as a write does";
  Be(stranger_);
  EXPECT_EQ(ns_.Truncate(f, 3), EACCES);
  EXPECT_EQ(ns_.Truncate(d, 3), EISDIR) << "before EACCES";
  const Change by_open_file = [](auto* request) {
    request->set_size_bytes(4);
    request->set_by_open_file(true);
  };
  EXPECT_EQ(Set(f, by_open_file), EACCES) << "a lie";
  Be(owner_);
  ASSERT_EQ(ns_.Open(f, /*for_writing=*/true), 0);
  ASSERT_EQ(Chmod(f, 0), 0);
  EXPECT_EQ(ns_.Truncate(f, 3), EACCES);
  EXPECT_EQ(Set(f, by_open_file), 0);
  EXPECT_EQ(ns_.Get(f).size_bytes(), 4u);
}

TEST_F(PermissionsTest, AllocatingInAnOpenFileSetsItsTime) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  ASSERT_EQ(Chmod(f, 0666), 0);
  Be(stranger_);
  const Change allocate = [](auto* request) {
    request->set_mtime_now(true);
    request->set_by_open_file(true);
  };
  EXPECT_EQ(Set(f, allocate), EPERM) << "a lie";
  ASSERT_EQ(ns_.Open(f, /*for_writing=*/true), 0);
  ns_.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Set(f, allocate), 0);
  EXPECT_EQ(ns_.Get(f).mtime_ns(), ns_.clock.WallNs());
}

TEST_F(PermissionsTest, WritersDropSetIdBits) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  ASSERT_EQ(Chmod(f, 06757), 0);
  Be(stranger_);
  EXPECT_EQ(Chmod(f, 0777), EPERM);
  EXPECT_EQ(Chmod(f, 0757), 0) << "a kernel asks for this before a write(2)";
  Be(owner_);
  ASSERT_EQ(Chmod(f, 04755), 0);
  Be(stranger_);
  EXPECT_EQ(Chmod(f, 0755), EPERM) << "he may not write";
  Be(owner_);
  ASSERT_EQ(Chmod(f, 04757), 0);
  ASSERT_EQ(ns_.Open(f, false, kSession, /*truncate=*/true), 0);
  EXPECT_EQ(PermissionsOfInode(f), 0757u) << "O_TRUNC";
  Be(root_);
  ASSERT_EQ(Chmod(f, 04757), 0);
  ASSERT_EQ(ns_.Open(f, false, kSession, /*truncate=*/true), 0);
  EXPECT_EQ(PermissionsOfInode(f), 04757u);
}

TEST_F(PermissionsTest, NewInodes) {
  const auto make = [&](InodeId parent, std::string_view name, proto::FileType type,
                        uint32_t permissions, uint32_t umask, uint32_t rdev = 0) {
    auto request = ns_.Next<proto::MakeNodeRequest>();
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    request.set_type(type);
    request.set_permissions(permissions);
    request.set_umask(umask);
    request.set_rdev(rdev);
    return TestNamespace::AttrOf(ns_->MakeNode(request));
  };
  EXPECT_EQ(make(kRootInode, "a", proto::REGULAR, 06777, 027)->permissions(), 06750u);
  EXPECT_EQ(ErrnoOf(make(kRootInode, "c", proto::CHARACTER_DEVICE, 0600, 0, 0x103)), EPERM);
  EXPECT_EQ(ErrnoOf(make(kRootInode, "b", proto::BLOCK_DEVICE, 0600, 0)), EPERM);
  EXPECT_EQ(ErrnoOf(make(kRootInode, "w", proto::CHARACTER_DEVICE, 0, 0)), 0) << "a whiteout";
  Be(root_);
  const InodeId d = InodeId(make(kRootInode, "d", proto::DIRECTORY, 02777, 0)->inode_id());
  ASSERT_EQ(Chown(d, kUnset, kStrangersGroup), 0);
  Be(owner_);
  EXPECT_EQ(make(d, "x", proto::REGULAR, 02755, 0)->permissions(), 0755u) << "not his group";
  EXPECT_EQ(make(d, "l", proto::REGULAR, 02644, 0)->permissions(), 02644u);
  const auto sub = make(d, "s", proto::DIRECTORY, 0755, 0);
  EXPECT_EQ(sub->permissions(), 02755u);
  EXPECT_EQ(sub->gid(), kStrangersGroup);
  Be(stranger_);
  EXPECT_EQ(make(d, "y", proto::REGULAR, 02755, 0)->permissions(), 02755u);
}

TEST_F(PermissionsTest, OnlyTheOwnerChangesALayout) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  auto request = ns_.Next<proto::SetLayoutRequest>();
  request.set_inode_id(d.value());
  request.mutable_layout()->set_chunk_bytes_log2(20);
  request.mutable_layout()->set_width(1);
  *request.mutable_mutation()->mutable_credentials() = stranger_;
  EXPECT_EQ(ErrnoOf(ns_->SetLayout(request)), EPERM);
}

}  // namespace
}  // namespace weft::metadata
