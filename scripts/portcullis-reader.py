#!/usr/bin/env python3
"""Read a Portcullis vault with a recovery key, without Portcullis.

Written from docs/vault-format.md alone; shares no code with the daemon. Needs Python 3.9 or newer and the packages
cryptography and zstandard (Debian: python3-cryptography python3-zstandard).
"""

import argparse
import base64
import bisect
import calendar
import getpass
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import time
import unicodedata

try:
    import zstandard
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError as error:
    sys.exit(f"portcullis-reader: {error}. Install python3-cryptography and python3-zstandard.")

EXAMPLES = """examples:
  portcullis-reader.py --store /mnt/vault --key recovery.key list
  portcullis-reader.py --store /mnt/vault --key recovery.key ls 12 etc
  portcullis-reader.py --store /mnt/vault --key recovery.key restore 12 /tmp/out --path etc/passwd
  portcullis-reader.py --store /mnt/vault --key recovery.key verify

exit status: 0 all is well, 1 something is damaged, missing or refused, 2 wrong use (also a wrong key or no vault)
"""

MAX_BLOB = 8 << 20
HEADER = 76
DATA, METADATA, MANIFEST, INDEX = 1, 2, 3, 4
ZERO_NONCE = bytes(12)
COMMON = ("path", "mode", "mtime", "uid", "gid")
MEMBERS = {
    "directory": COMMON,
    "symlink": (*COMMON, "target"),
    "file": (*COMMON, "size", "pieces", "content"),
    "problem": ("path", "reason"),
    "skipped": ("path", "reason"),
}


class Wrong(Exception):
    """Wrong use: a wrong key, no vault, no such snapshot."""


class Damaged(Exception):
    """An object is not what it has to be."""


# What reading something that is no good may raise: whatever it says, it costs itself and nothing else.
UNUSABLE = (Damaged, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, struct.error)


# --- keys -------------------------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def derive(key, vault_id, purpose, salt=b"", length=32):
    info = b"portcullis/1 " + purpose.encode("ascii") + b"\0" + vault_id
    return HKDF(hashes.SHA256(), length, salt or None, info).derive(key)


def gcm_open(key, nonce, data, aad):
    try:
        return AESGCM(key).decrypt(nonce, data, aad)
    except (InvalidTag, ValueError):
        raise Damaged("does not decrypt") from None


def hpke_open(private_key, wrapped, info):
    """HPKE, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message, no extra data."""

    def extract(suite, salt, label, ikm):
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256").digest()

    def expand(suite, prk, label, info, length):
        text = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
        out = block = b""
        counter = 0
        while len(out) < length:
            counter += 1
            block = hmac.new(prk, block + text + bytes([counter]), "sha256").digest()
            out += block
        return out[:length]

    enc, ciphertext = wrapped[:32], wrapped[32:]
    kem = b"KEM" + struct.pack(">H", 0x0020)
    suite = b"HPKE" + struct.pack(">HHH", 0x0020, 0x0001, 0x0002)
    try:
        shared = private_key.exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        raise Damaged("holds no good wrapped key") from None
    kem_context = enc + public_bytes(private_key)
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", kem_context, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    schedule = extract(suite, secret, b"secret", b"")
    key = expand(suite, schedule, b"key", context, 32)
    nonce = expand(suite, schedule, b"base_nonce", context, 12)
    return gcm_open(key, nonce, ciphertext, b"")


def public_bytes(private_key):
    return private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class RecoveryKey:
    LENGTHS = {"vault-id": 16, "verify-key": 32, "private-key": 32, "protected-key": 68}

    def __init__(self, path):
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise Wrong(f"the recovery key cannot be read: {error}") from None
        values = {}
        known = False
        for number, line in enumerate(text.splitlines(), 1):
            line = " ".join(line.lower().split())
            if not line or line.startswith("#"):
                continue
            if line == "format: portcullis-recovery-key 1":
                known = True
                continue
            if re.fullmatch(r"private-key ?: ?([a-z]{3,8} ){23}[a-z]{3,8}", line):
                raise Wrong("this program does not know the words of the private key: type its digits")
            match = re.fullmatch(r"([a-z-]+) ?: ?([0-9a-f ]+)\[([0-9a-f]{8})\]", line)
            named = re.match(r"([a-z-]+) ?:", line)
            if named and named.group(1) not in self.LENGTHS and named.group(1) != "format":
                continue  # a later version may have more to say
            name = match.group(1) if match else None
            if name not in self.LENGTHS:
                raise Wrong(f"line {number} of the recovery key is not of its format")
            if name in values:
                raise Wrong(f'line {number} of the recovery key says "{name}" again')
            digits = match.group(2).replace(" ", "")
            value = bytes.fromhex(digits) if len(digits) == 2 * self.LENGTHS[name] else b""
            if not value or sha256(name.encode() + b":" + value)[:8] != match.group(3):
                raise Wrong(f'line {number} of the recovery key ("{name}") does not agree with its checksum')
            values[name] = value
        if not known or not {"vault-id", "verify-key"} < set(values):
            raise Wrong(f"{path} is no whole recovery key of format 1")
        self.vault_id = values["vault-id"]
        private_key = values.get("private-key") or self.unlock(values, path)
        self.verify_key = Ed25519PublicKey.from_public_bytes(values["verify-key"])
        self.private_key = X25519PrivateKey.from_private_bytes(private_key)
        self.public_hex = public_bytes(self.private_key).hex()

    @staticmethod
    def unlock(values, path):
        locked = values["protected-key"]
        head, (log_n, r, p, zero) = locked[:20], locked[:4]
        if not (10 <= log_n <= 20 and 1 <= r <= 8 and 1 <= p <= 4 and zero == 0):
            raise Wrong("the passphrase of this recovery key is stretched in a way not known here")
        ask = getpass.getpass if sys.stdin.isatty() else lambda _: sys.stdin.readline().rstrip("\n")
        passphrase = unicodedata.normalize("NFKC", ask(f"Passphrase of {path}: ")).encode()
        memory = 128 * r * (2**log_n + p + 2) + 2**20
        key = hashlib.scrypt(passphrase, salt=head[4:], n=2**log_n, r=r, p=p, maxmem=memory, dklen=32)
        associated = b"portcullis/1 protected key\0" + values["vault-id"] + values["verify-key"] + head
        try:
            return gcm_open(key, ZERO_NONCE, locked[20:], associated)
        except Damaged:
            raise Wrong("this passphrase does not open the recovery key") from None

    def unwrap(self, recipients, purpose):
        info = b"portcullis/1 wrap " + purpose.encode("ascii") + b"\0" + self.vault_id
        for recipient in recipients:
            if recipient["publicKey"] == self.public_hex:
                return hpke_open(self.private_key, bytes.fromhex(recipient["wrapped"]), info)
        raise Wrong("it is not encrypted to this recovery key")


def signed_body(data, verify_key, purpose):
    """The JSON value of a signed document; raises Damaged unless the signature holds."""
    match = re.fullmatch(rb"(.*)\n([0-9a-f]{128})\n", data, re.DOTALL)
    if not match:
        raise Damaged("does not end in a signature")
    message = b"portcullis/1 " + purpose.encode("ascii") + b"\0" + match.group(1)
    try:
        verify_key.verify(bytes.fromhex(match.group(2).decode()), message)
    except InvalidSignature:
        raise Damaged("is not signed by this appliance") from None
    return json.loads(match.group(1))


# --- the store --------------------------------------------------------------------------------------------------


class Store:
    def __init__(self, root):
        self.root = root

    def get(self, name, offset=0, length=None):
        try:
            with open(os.path.join(self.root, name), "rb") as file:
                file.seek(offset)
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            raise Damaged(f"{name} is missing") from None
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from None

    def whole(self, name):
        """An object named by its hash."""
        data = self.get(name)
        if sha256(data) != name[-64:]:
            raise Damaged(f"{name} is damaged: its bytes are not what its name says")
        return data

    def names(self, folder):
        def failed(error):
            if not isinstance(error, FileNotFoundError):
                raise Damaged(f"{folder}/ cannot be listed: {error.strerror}")

        for at, _, files in os.walk(os.path.join(self.root, folder), onerror=failed):
            for file in sorted(files):
                yield os.path.relpath(os.path.join(at, file), self.root)

    def size(self, name):
        try:
            return os.path.getsize(os.path.join(self.root, name))
        except OSError:
            return None


def read_header(data, *types):
    if len(data) < HEADER or data[:8] != b"PORTCULL":
        raise Damaged("has no header of a vault")
    if data[8] != 1:
        raise Damaged(f"has version {data[8]}; this program knows version 1")
    if data[9] not in types or data[10:12] != b"\0\0":
        raise Damaged(f"is of type {data[9]}")
    return data[:HEADER]


def read_table(data, at):
    """A blob table: list of (id, compressed, offset in the pack, stored length, plain length), and where it ends."""
    try:
        (count,) = struct.unpack_from(">I", data, at)
        at += 4
        blobs = []
        offset = HEADER
        for _ in range(count):
            flags, blob, stored, plain = struct.unpack_from(">B32sII", data, at)
            if flags > 1 or stored < 16 or plain > MAX_BLOB:
                raise Damaged("has a blob that cannot be")
            blobs.append((blob, flags == 1, offset, stored, plain))
            offset += stored
            at += 41
        return blobs, at
    except struct.error:
        raise Damaged("its table of blobs is cut short") from None


def inflate(frame, length=None):
    try:
        size = zstandard.frame_content_size(frame)
        if size < 0 or (length is not None and size != length):
            raise Damaged("decompresses to another length")
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=max(size, 1))
    except zstandard.ZstdError:
        raise Damaged("does not decompress") from None


class Pack:
    def __init__(self, name, header, blobs):
        self.name, self.header, self.blobs = name, header, blobs
        self.path = f"packs/{name[:2]}/{name}"
        self.session = header[12:44].hex()
        self.salt = header[44:76]


# --- the vault --------------------------------------------------------------------------------------------------


class Vault:
    def __init__(self, root, key, expect_head=None):
        self.store, self.key = Store(root), key
        self.id = key.vault_id
        self.sessions, self.packs, self.places, self.cache = {}, {}, {}, {}
        self.rewraps = None
        self.by_footer, self.unproven = set(), {}
        self.indexed = False
        self.refused = []
        self.check_format(root)
        self.read_chain(expect_head)
        secret = self.sealing_secret()
        self.blob_id_key = derive(secret, self.id, "blob id")
        self.index_key = derive(secret, self.id, "index")

    def check_format(self, root):
        try:
            form = json.loads(self.store.get("FORMAT"))
            if form["format"] != "portcullis-vault":
                raise ValueError
        except (Damaged, ValueError, KeyError, TypeError):
            raise Wrong(f"there is no vault at {root}") from None
        if form.get("version") != 1:
            raise Wrong(f"the vault has version {form.get('version')} of the format; this program knows version 1")
        if form.get("vaultId") != self.id.hex():
            raise Wrong(f"this is vault {form.get('vaultId')}; the recovery key is for {self.id.hex()}")

    def sealing_secret(self):
        problem = "the vault holds no object of the appliance's keys"
        for name in self.store.names("keys"):
            if not name.startswith("keys/appliance-"):
                continue
            try:
                body = signed_body(self.store.get(name), self.key.verify_key, "appliance")
                if body["format"] != "portcullis-appliance" or body["version"] != 1 or body["vaultId"] != self.id.hex():
                    raise Damaged("is another vault's")
                return self.key.unwrap(body["recipients"], "appliance")[:32]
            except (Wrong, *UNUSABLE) as error:
                problem = f"{name} {error}"
        for snapshot in reversed(self.snapshots):
            try:
                secret = self.session(snapshot["session"])[1]
                self.refused.append(f"{problem}; going on with the copy in {snapshot['session'][:8]}…")
                return secret
            except Damaged:
                pass
        raise Wrong(problem)

    def read_chain(self, expect_head):
        self.snapshots = []
        self.expires = {}  # from hash of a record to the time from which its objects may be gone
        number, previous = 0, "0" * 64
        seen = set()
        records = {}  # by sequence number
        for name in sorted(self.store.names("snapshots")):
            try:
                match = re.fullmatch(r"snapshots/(\d{10})-([0-9a-f]{64})", name)
                if not match:
                    raise Damaged("is not named like a record")
                seq = int(match.group(1))
                data = self.store.get(name)
                if sha256(data) != match.group(2):
                    raise Damaged("is not what its name says")
                body = signed_body(data, self.key.verify_key, "record")
                if body["format"] != "portcullis-record" or body["version"] != 1:
                    raise Damaged("is no record of version 1")
                if body["vaultId"] != self.id.hex() or body["seq"] != seq:
                    raise Damaged("is a record of another place")
                if body["kind"] == "snapshot" and body["status"] not in ("complete", "partial", "suspicious"):
                    raise Damaged("has a status of no record of version 1")
                records.setdefault(seq, []).append((name, match.group(2), body))
            except UNUSABLE as error:
                self.refused.append(f"{name} {error}")
        for seq, found in sorted(records.items()):
            gap = seq > number + 1  # nobody can tell what a record that is lost would have been named
            follow = [one for one in found if gap or one[2]["previous"] == previous]
            for one in found:
                if one not in follow:
                    self.refused.append(f"{one[0]} does not follow record {number}")
            if not follow:
                continue
            built_on = {body["previous"] for _, _, body in records.get(seq + 1, [])}
            chosen = next((one for one in follow if one[1] in built_on), follow[0])
            if gap:
                self.refused.append(f"snapshots/ has no good record {number + 1} to {seq - 1}")
            for one in follow:
                if one is not chosen:
                    self.refused.append(f"{one[0]} is a second record {seq}")
            name, previous, body = chosen
            number = seq
            seen.add(previous)
            if body["kind"] == "snapshot":
                body["hash"] = previous
                self.snapshots.append(body)
            elif body["kind"] == "tombstone":
                try:
                    named, kept = body["snapshots"], body["kept"]
                    for one in kept:
                        self.expires.pop(one, None)
                    known = {snapshot["hash"] for snapshot in self.snapshots}
                    at = moment(body["from"])
                    self.expires.update({one: at for one in named if one in known})
                except UNUSABLE as error:
                    self.refused.append(f"{name} is a tombstone that cannot be used: {error}")
        if expect_head and expect_head not in seen:
            self.refused.append(f"snapshots/ does not hold the expected head {expect_head}")

    def expired(self, snapshot):
        """Whether what is gone of it is no damage."""
        at = self.expires.get(snapshot["hash"])
        return at is not None and at <= time.time()

    def snapshot(self, meant):
        found = [
            one
            for one in self.snapshots
            if meant in (str(one["seq"]), f"{one['seq']:010d}-{one['hash']}")
            or (len(meant) >= 6 and one["hash"].startswith(meant))
        ]
        if len(found) == 1:
            return found[0]
        for line in self.refused:
            match = re.match(r"snapshots/0*(\d+)-([0-9a-f]{64}) ", line)
            if match and (meant == match.group(1) or (len(meant) >= 6 and match.group(2).startswith(meant))):
                raise Damaged(f"refused: {line}")
        raise Wrong(f'there is no snapshot "{meant}"' if not found else f'"{meant}" fits several snapshots')

    def session(self, session):
        """The session key and the sealing secret, from its own object or one that wraps it again."""
        if session not in self.sessions:
            name = f"keys/session-{session}"
            own = None
            try:
                own = json.loads(self.store.whole(name))
                if own["format"] != "portcullis-session" or own["version"] != 1 or own["vaultId"] != self.id.hex():
                    own = None
                    raise Damaged(f"{name} is no session of version 1 of this vault")
                opened = self.open_session(own, name)
            except UNUSABLE as error:
                opened = self.rewrapped_session(session, own)
                if opened is None:
                    raise Damaged(str(error)) from None
            self.sessions[session] = opened
        return self.sessions[session]

    def open_session(self, body, name):
        try:
            wrapped = self.key.unwrap(body["recipients"], "session")
        except (Wrong, *UNUSABLE) as error:
            raise Damaged(f"{name}: {error}") from None
        if len(wrapped) != 64 or derive(wrapped[:32], self.id, "commitment").hex() != body["commitment"]:
            raise Damaged(f"{name} holds another key than it commits to")
        return wrapped[:32], wrapped[32:]

    def rewrapped_session(self, session, own):
        if self.rewraps is None:
            self.rewraps = {}
            for name in self.store.names("keys"):
                try:
                    body = json.loads(self.store.whole(name)) if name.startswith("keys/rewrap-") else {}
                    what = (body.get("format"), body.get("version"), body.get("vaultId"))
                    for one in body["sessions"] if what == ("portcullis-rewrap", 1, self.id.hex()) else []:
                        self.rewraps.setdefault(one["session"], []).append(one)
                except UNUSABLE as error:
                    self.refused.append(f"{name}: {error}")
        for one in self.rewraps.get(session, []):
            try:
                if own is None or own.get("commitment") == one["commitment"]:
                    return self.open_session(one, f"keys/session-{session}, wrapped again,")
            except UNUSABLE:
                pass
        return None

    def manifest(self, snapshot):
        name = f"manifests/{snapshot['manifest']['name']}"
        data = self.store.whole(name)
        header = read_header(data, MANIFEST)
        key = derive(self.session(snapshot["session"])[0], self.id, "manifest", header[44:76])
        content = json.loads(inflate(gcm_open(key, ZERO_NONCE, data[HEADER:], self.id + header)))
        if content.get("version") != 1:
            raise Damaged(f"{name} has version {content.get('version')}; this program knows version 1")
        return content

    # Where blobs are: from the indexes, and from the footers of packs that no index describes.

    def locate(self, snapshot):
        if not self.indexed:
            self.indexed = True
            for name in self.store.names("index"):
                try:
                    self.read_index(self.store.whole(name))
                except UNUSABLE as error:
                    print(f"portcullis-reader: ignoring {name}: {error}", file=sys.stderr)
        for pack_set in snapshot["packsets"]:
            try:
                packs = json.loads(self.store.whole(f"packsets/{pack_set}"))["packs"]
            except Damaged:
                continue
            for pack in packs:
                if pack["name"] not in self.packs:
                    self.read_footer(pack["name"], pack["size"])
                elif pack["name"] not in self.by_footer:
                    self.unproven[pack["name"]] = pack["size"]

    def distrust_indexes(self):
        """An index is only a shorter way: where it does not lead to a blob, what the footers say counts."""
        unproven, self.unproven = self.unproven, {}
        for name, size in unproven.items():
            self.read_footer(name, size)
        return bool(unproven)

    def add_pack(self, pack):
        self.packs.setdefault(pack.name, pack)
        for index, blob in enumerate(pack.blobs):
            self.places.setdefault(blob[0], []).append((pack, index))

    def read_index(self, data):
        header = read_header(data, INDEX)
        key = derive(self.index_key, self.id, "index object", header[44:76])
        plain = inflate(gcm_open(key, ZERO_NONCE, data[HEADER:], self.id + header))
        (count,) = struct.unpack_from(">I", plain, 32)
        at = 36
        for _ in range(count):
            name = plain[at : at + 32].hex()
            pack_header = read_header(plain[at + 36 : at + 36 + HEADER], DATA, METADATA)
            blobs, at = read_table(plain, at + 36 + HEADER)
            if name not in self.packs:
                self.add_pack(Pack(name, pack_header, blobs))

    def read_footer(self, name, size):
        """A pack's table from the pack itself. One that cannot be read says nothing."""
        self.by_footer.add(name)
        try:
            self.add_pack(self.footer(name, size))
        except UNUSABLE:
            pass

    def footer(self, name, size):
        path = f"packs/{name[:2]}/{name}"
        header = read_header(self.store.get(path, 0, HEADER), DATA, METADATA)
        tail = self.store.get(path, max(size - 12, 0), 12)
        if len(tail) != 12 or tail[4:] != b"PORTTAIL":
            raise Damaged(f"{path} is cut short")
        (length,) = struct.unpack(">I", tail[:4])
        if HEADER + length + 12 > size:
            raise Damaged(f"{path} has a footer longer than itself")
        key = derive(self.index_key, self.id, "footer", header[44:76])
        footer = self.store.get(path, size - 12 - length, length)
        blobs, _ = read_table(gcm_open(key, ZERO_NONCE, footer, self.id + header), 0)
        return Pack(name, header, blobs)

    def blob(self, blob_id):
        if blob_id in self.cache:
            return self.cache[blob_id]
        failure = Damaged(f"blob {blob_id.hex()} is in no pack that can be read")
        for pack, index in self.places.get(blob_id, []):
            try:
                plain = self.open_blob(pack, index)
            except Damaged as error:
                failure = Damaged(f"{pack.path}, blob {index}: {error}")
                continue
            if len(self.cache) >= 4:
                del self.cache[next(iter(self.cache))]
            self.cache[blob_id] = plain
            return plain
        if self.distrust_indexes():
            return self.blob(blob_id)
        raise failure

    def open_blob(self, pack, index, data=None):
        blob_id, compressed, offset, stored, length = pack.blobs[index]
        data = self.store.get(pack.path, offset, stored) if data is None else data[offset : offset + stored]
        if len(data) != stored:
            raise Damaged("is cut short")
        key = derive(self.session(pack.session)[0], self.id, "pack", pack.salt)
        kind = pack.header[9]
        aad = self.id + pack.salt + struct.pack(">IBBII", index, kind, int(compressed), length, stored)
        plain = gcm_open(key, struct.pack(">QI", 0, index), data, aad)
        if compressed:
            plain = inflate(plain, length)
        if len(plain) != length:
            raise Damaged("has another length than its table says")
        if not hmac.compare_digest(hmac.new(self.blob_id_key, bytes([kind]) + plain, "sha256").digest(), blob_id):
            raise Damaged("is another blob than its id says")
        return plain

    def content(self, reference):
        blob, offset, length = reference[0], reference[1], reference[2]
        data = self.blob(bytes.fromhex(blob))[offset : offset + length]
        if len(data) != length:
            raise Damaged(f"blob {blob} is shorter than a reference says")
        return data

    def entries(self, snapshot, problems):
        """Entries of a snapshot, with `path` and `target` as bytes; what is lost is told in `problems`."""
        manifest = self.manifest(snapshot)
        self.locate(snapshot)
        waiting = None
        for piece in manifest["list"]:
            try:
                lines = self.content(piece["at"]).split(b"\n")[:-1]
            except Damaged as error:
                problems.append((path_of(piece["first"]), f"this and what follows it in the file list is lost: {error}"))
                lines = []
                # What goes on from here has lost its beginning.
                if waiting is not None:
                    problems.append((waiting["path"], "a part of its content list is lost"))
                waiting = None
            for line in lines:
                path = b"?"
                try:
                    entry = json.loads(line)
                    if entry["type"] == "more":
                        if waiting is None:
                            continue
                        waiting["content"] += references(entry["content"])
                    else:
                        if waiting is not None:
                            problems.append((waiting["path"], "a part of its content list is lost"))
                        waiting = None
                        path = entry["path"] = path_of(entry["path"]) if "path" in entry else path
                        if entry["type"] not in MEMBERS:
                            raise ValueError(f"it is of type {entry['type']!r}, which this program does not know")
                        missing = [name for name in MEMBERS[entry["type"]] if name not in entry]
                        if missing:
                            raise ValueError(f"it has no {missing[0]}")
                        if not safe(path):
                            raise ValueError("it is a path that leaves its folder")
                        check_members(entry)
                        for flaw in use_extras(entry):
                            problems.append((path, flaw))
                        if entry["type"] == "symlink":
                            entry["target"] = path_of(entry["target"])
                        if entry["type"] == "file":
                            waiting = entry
                except UNUSABLE as error:
                    problems.append((path, f"its entry in the file list cannot be used: {error}"))
                    continue
                if waiting is None:
                    yield entry
                elif len(waiting["content"]) >= waiting["pieces"]:
                    yield waiting
                    waiting = None
        if waiting is not None:
            problems.append((waiting["path"], "a part of its content list is lost"))


def check_members(entry):
    if "mode" not in entry:
        return
    if whole(entry["mode"], 0) > 4095 or not re.fullmatch(r"-?[0-9]{1,40}", entry["mtime"]):
        raise ValueError("its mode or mtime is out of range")
    whole(entry["uid"], 0), whole(entry["gid"], 0)
    if entry["type"] == "file":
        whole(entry["size"], 0), whole(entry["pieces"], 0)
        references(entry["content"])


def references(value):
    if not isinstance(value, list) or len(value) > 1000:
        raise ValueError("its content is no list of at most 1000")
    for blob, offset, length, *_ in value:
        if not re.fullmatch(r"[0-9a-f]{64}", blob):
            raise ValueError("a reference names no blob")
        whole(offset, 0), whole(length, 0)
    return value


def use_extras(entry):
    """Puts xattrs, link and holes of a line into a form for use, and drops one that is not of the format, saying so."""
    flaws = []
    for member, use in (("xattrs", use_xattrs), ("link", use_link), ("holes", use_holes)):
        if member not in entry:
            continue
        try:
            entry[member] = use(entry[member], entry)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            flaws.append(f"its {member} cannot be used: {error}")
            del entry[member]
    return flaws


def use_xattrs(value, _):
    if not isinstance(value, list) or len(value) > 1024:
        raise ValueError("it is no list of at most 1024")
    xattrs = [(path_of(one[0]), base64.b64decode(one[1], validate=True)) for one in value]
    if any(not 1 <= len(name) <= 255 or b"\0" in name or len(data) > 65536 for name, data in xattrs):
        raise ValueError("a name or value no system takes")
    if sum(len(name) + len(data) for name, data in xattrs) > 1 << 20:
        raise ValueError("it is too long")
    return xattrs


def whole(value, minimum):
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value < 1 << 53:
        raise ValueError("a number is out of range")
    return value


def use_link(value, _):
    return whole(value, 1)


def use_holes(value, entry):
    if not isinstance(value, list) or len(value) > 4096:
        raise ValueError("it is no list of at most 4096")
    end, holes = 0, []
    for one in value:
        begin = whole(one[0], end)
        end = begin + whole(one[1], 1)
        if end > whole(entry["size"], 0):
            raise ValueError("a range is beyond the end")
        holes.append((begin, end))
    return holes


def moment(text):
    """Seconds since 1970 of a time in RFC 3339, UTC, as records carry them."""
    return calendar.timegm(time.strptime(re.sub(r"(\.\d+)?Z$", "", text), "%Y-%m-%dT%H:%M:%S"))


def path_of(value):
    return value.encode("utf-8") if isinstance(value, str) else base64.b64decode(value["base64"], validate=True)


def safe(path):
    return bool(path) and b"\0" not in path and all(name not in (b"", b".", b"..") for name in path.split(b"/"))


def under(path, prefix):
    return not prefix or path == prefix or path.startswith(prefix + b"/")


def show(path):
    return printable(path.decode("utf-8", "backslashreplace"))


def printable(text):
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


# --- commands ---------------------------------------------------------------------------------------------------


def command_list(vault, _):
    status = 0
    for snapshot in vault.snapshots:
        expires = vault.expires.get(snapshot["hash"])
        note = "" if expires is None else time.strftime("\tmay be gone from %Y-%m-%dT%H:%M:%SZ on", time.gmtime(expires))
        try:
            manifest = vault.manifest(snapshot)
            source = f"{printable(manifest['source']['name'])}\t{manifest['files']} files\t{manifest['bytes']} bytes"
        except Damaged as error:
            source = "(expired)" if vault.expired(snapshot) else f"(unreadable: {error})"
            status = status if vault.expired(snapshot) else 1
        print(f"{snapshot['seq']}\t{snapshot['time']}\t{snapshot['status']}\t{source}{note}")
    return status


def command_ls(vault, options):
    prefix = os.fsencode(options.path or "").strip(b"/")
    problems = []
    for entry in vault.entries(vault.snapshot(options.snapshot), problems):
        if not under(entry["path"], prefix):
            continue
        if entry["type"] == "problem":
            print(f"?          {'':>12} {show(entry['path'])} ({printable(entry['reason'])})")
            continue
        if entry["type"] == "skipped":
            print(f"-          {'':>12} {show(entry['path'])} ({printable(entry['reason'])}, not kept)")
            continue
        kind = {"directory": "d", "symlink": "l", "file": "-"}[entry["type"]]
        target = f" -> {show(entry['target'])}" if kind == "l" else ""
        print(f"{kind} {entry['mode']:04o}     {entry.get('size', ''):>12} {show(entry['path'])}{target}")
    return tell(problems)


def tell(problems):
    for path, problem in problems:
        print(f"portcullis-reader: {show(path)}: {printable(problem)}", file=sys.stderr)
    return 1 if problems else 0


def command_restore(vault, options):
    snapshot = vault.snapshot(options.snapshot)
    if vault.expired(snapshot):
        print("portcullis-reader: this snapshot has expired: parts of it may be gone", file=sys.stderr)
    prefix = os.fsencode(options.path or "").strip(b"/")
    root = os.fsencode(options.destination)
    try:
        os.makedirs(root, 0o700, exist_ok=True)
        if os.listdir(root):
            raise Wrong(f"{options.destination} is not empty")
    except OSError as error:
        raise Wrong(f"cannot restore to {options.destination}: {error.strerror}") from None
    problems, late, count = [], [], 0
    found = False
    links = {}
    for entry in vault.entries(snapshot, problems):
        path = entry["path"]
        if not under(path, prefix):
            continue
        found = True
        target = os.path.join(root, path)
        try:
            if entry["type"] == "problem":
                problems.append((path, f"not in the snapshot: {entry['reason']}"))
            elif entry["type"] == "file":
                os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
                first = links.get(entry.get("link"))
                same = (entry["size"], [one[:3] for one in entry["content"]])
                if first is not None and first[0] == same:
                    os.link(first[1], target)
                else:
                    write_file(vault, entry, target)
                    problems += [(path, flaw) for flaw in attributes(entry, target)]
                    if "link" in entry:
                        links[entry["link"]] = same, target
                count += 1
            elif entry["type"] == "skipped":
                print(f"not kept: {show(path)} ({printable(entry['reason'])})", file=sys.stderr)
            else:
                if entry["type"] == "directory":
                    os.makedirs(target, 0o700, exist_ok=True)
                late.append(entry)
            if "problem" in entry:
                problems.append((path, entry["problem"]))
        except (Damaged, OSError, OverflowError) as error:
            problems.append((path, str(error)))
    if not found and not problems and prefix:
        raise Wrong(f"the snapshot has nothing at {options.path!r}")
    # Links last, and all folders before the first of them, so that nothing is ever written through one; folders' attributes
    # after what is in them.
    symlinks = [one for one in late if one["type"] == "symlink"]
    for entry in symlinks:
        try:
            os.makedirs(os.path.dirname(os.path.join(root, entry["path"])), 0o700, exist_ok=True)
        except OSError as error:
            problems.append((entry["path"], str(error)))
    for entry in symlinks + [one for one in late if one["type"] == "directory"][::-1]:
        target = os.path.join(root, entry["path"])
        try:
            if entry["type"] == "symlink":
                os.symlink(entry["target"], target)
            problems += [(entry["path"], flaw) for flaw in attributes(entry, target)]
        except (OSError, OverflowError) as error:
            problems.append((entry["path"], str(error)))
    print(f"restored {count} files to {options.destination}")
    return tell(problems)


def write_file(vault, entry, target):
    digest = hashlib.sha256()
    size = 0
    created = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(created, "wb") as file:
            for reference in entry["content"]:
                data = vault.content(reference)
                digest.update(data)
                write_data(file, data, size, entry.get("holes", []))
                size += len(data)
            file.truncate(size)
        if size != entry["size"] or entry.get("sha256", digest.hexdigest()) != digest.hexdigest():
            raise Damaged("has another content than it had")
    except (Damaged, OSError):
        os.unlink(target)
        raise


def write_data(file, data, at, holes):
    """Writes data at its place, leaving out what was a hole, where it is zero, and only there."""
    begin, end = at, at + len(data)
    for hole, hole_end in holes[bisect.bisect_right([one[1] for one in holes], at) :] if holes else ():
        if hole >= end:
            break
        hole, hole_end = max(hole, begin), min(hole_end, end)
        if data.count(0, hole - at, hole_end - at) == hole_end - hole:
            file.seek(begin)
            file.write(data[begin - at : hole - at])
            begin = hole_end
    file.seek(begin)
    file.write(data[begin - at :])


def attributes(entry, target):
    """Sets what can be set; returns what could not."""
    link = entry["type"] == "symlink"
    root = os.geteuid() == 0
    if root:
        os.chown(target, entry["uid"], entry["gid"], follow_symlinks=False)
    flaws = []
    for name, value in entry.get("xattrs", []):
        try:
            os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            flaws.append(f"its extended attribute {name.decode('utf-8', 'backslashreplace')} cannot be set: {error.strerror}")
    if not link:
        os.chmod(target, entry["mode"] if root else entry["mode"] & 0o1777)
    os.utime(target, ns=(int(entry["mtime"]), int(entry["mtime"])), follow_symlinks=False)
    return flaws


def command_verify(vault, _):
    """Every object is hashed, every blob of every pack opened, every reference of every file looked up."""
    findings = []
    for folder in ("keys", "packs", "index", "packsets", "manifests", "versions"):
        for name in vault.store.names(folder):
            if not re.fullmatch(r"[0-9a-f]{64}", name[-64:]):
                findings.append(f"{name} is no object of a vault")
                continue
            try:
                vault.store.whole(name)
            except Damaged as error:
                findings.append(str(error))
    bad = set()
    live = [one for one in vault.snapshots if not vault.expired(one)]
    for snapshot in live:
        for pack_set in snapshot["packsets"]:
            try:
                packs = json.loads(vault.store.whole(f"packsets/{pack_set}"))["packs"]
            except Damaged as error:
                findings.append(f"{error} (snapshot {snapshot['seq']})")
                continue
            for pack in packs:
                path = f"packs/{pack['name'][:2]}/{pack['name']}"
                if vault.store.size(path) != pack["size"]:
                    findings.append(f"{path} is missing or has another size (snapshot {snapshot['seq']})")
                    bad.add(pack["name"])
        vault.locate(snapshot)
    opened = set()
    for pack in vault.packs.values():
        try:
            data = vault.store.get(pack.path)
        except Damaged:
            continue
        for index, blob in enumerate(pack.blobs):
            try:
                vault.open_blob(pack, index, data)
                opened.add(blob[0])
            except Damaged as error:
                findings.append(f"{pack.path}, blob {index}: {error}")
    for snapshot in live:
        problems = []
        try:
            for entry in vault.entries(snapshot, problems):
                if entry["type"] == "file" and any(bytes.fromhex(ref[0]) not in opened for ref in entry["content"]):
                    problems.append((entry["path"], "content is lost"))
        except Damaged as error:
            findings.append(f"snapshot {snapshot['seq']}: {error}")
        findings += [f"snapshot {snapshot['seq']}: {show(path)}: {problem}" for path, problem in problems]
    for finding in dict.fromkeys(findings):
        print(finding)
    if not findings:
        gone = len(vault.snapshots) - len(live)
        packs = sum(vault.store.size(pack.path) is not None for pack in vault.packs.values())
        expired = f", {gone} of them expired" if gone else ""
        print(f"{len(vault.snapshots)} snapshots{expired}, {packs} packs: every byte is as it was written")
    return 1 if findings else 0


def main():
    parser = argparse.ArgumentParser(
        prog="portcullis-reader.py",
        description="Read a Portcullis vault with a recovery key, without Portcullis.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", required=True, metavar="DIR", help="directory of the vault")
    parser.add_argument("--key", required=True, metavar="FILE", help="recovery key file")
    parser.add_argument("--expect-head", metavar="SHA256", help="hash of a record that has to be there")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="list the snapshots, newest last").set_defaults(run=command_list)
    ls = commands.add_parser("ls", help="list what is in a snapshot")
    ls.add_argument("snapshot", metavar="SNAP", help="number, name or beginning of the hash of a snapshot")
    ls.add_argument("path", metavar="PATH", nargs="?")
    ls.set_defaults(run=command_ls)
    restore = commands.add_parser("restore", help="restore a snapshot into an empty directory")
    restore.add_argument("snapshot", metavar="SNAP")
    restore.add_argument("destination", metavar="DEST")
    restore.add_argument("--path", metavar="P", help="only this path and what is below it")
    restore.set_defaults(run=command_restore)
    commands.add_parser("verify", help="check every byte of the vault").set_defaults(run=command_verify)
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)  # os.makedirs goes down a path of 4,095 bytes name by name
    try:
        vault = Vault(options.store, RecoveryKey(options.key), options.expect_head)
        for line in vault.refused:
            print(f"portcullis-reader: refused: {line}", file=sys.stderr)
        status = options.run(vault, options)
        return 1 if vault.refused and options.command in ("list", "verify") else status
    except Wrong as error:
        print(f"portcullis-reader: {error}", file=sys.stderr)
        return 2
    except Damaged as error:
        print(f"portcullis-reader: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
