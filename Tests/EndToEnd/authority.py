# SPDX-License-Identifier: Apache-2.0
"""An authority of certificates that a test scripts, on the package `cryptography`."""

import datetime
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BOTH_USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def usage(**set_bits):
    """A key usage with only `set_bits`."""
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: set_bits.get(name, False) for name in names})


class Issued:
    """A certificate with its key."""

    def __init__(self, certificate, key, above):
        self.certificate = certificate
        self.key = key
        self.above = above

    @property
    def chain_pem(self):
        """The certificate and those above it but for the root, in PEM."""
        return b"".join(pem(each) for each in [self.certificate, *self.above])

    @property
    def key_pem(self):
        """The key in PEM."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def serial(self):
        """The number of the certificate."""
        return self.certificate.serial_number

    def write(self, folder, name="tls"):
        """Writes both files, each in one step, the certificate first; their paths."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        for path, content in zip(paths, (self.chain_pem, self.key_pem)):
            replace(path, content)
        return paths


def replace(path, content):
    """Puts `content` at `path` in one step."""
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(content)
    os.replace(draft, path)


def pem(certificate):
    """A certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """One that issues certificates, itself signed by `parent` when there is one."""

    def __init__(self, name="test root", parent=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.above = [] if parent is None else [None, *parent.above]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.sign(
            subject,
            self.key.public_key(),
            parent or self,
            subject if parent is None else parent.certificate.subject,
            [
                (x509.BasicConstraints(ca=True, path_length=None), True),
                (usage(key_cert_sign=True, crl_sign=True), True),
            ],
        )
        if parent is not None:
            self.above[0] = self.certificate

    @staticmethod
    def sign(subject, public_key, issuer, issuer_name, extensions, starts=-60, ends=3600):
        """A certificate that holds from `starts` to `ends` seconds from now."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(seconds=starts))
            .not_valid_after(now + datetime.timedelta(seconds=ends))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(issuer.key, hashes.SHA256())

    def issue(
        self,
        *hosts,
        uris=(),
        starts=-60,
        ends=3600,
        key_usage=None,
        extended=BOTH_USES,
        is_authority=False,
        common_name=None,
    ):
        """A certificate for `hosts` and `uris`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        extensions = [(x509.BasicConstraints(ca=is_authority, path_length=None), True)]
        if key_usage is None:
            key_usage = usage(digital_signature=True)
        if key_usage:
            extensions.append((key_usage, True))
        if extended:
            extensions.append((x509.ExtendedKeyUsage(extended), False))
        if names:
            extensions.append((x509.SubjectAlternativeName(names), False))
        attributes = (
            [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        )
        certificate = self.sign(
            x509.Name(attributes),
            key.public_key(),
            self,
            self.certificate.subject,
            extensions,
            starts,
            ends,
        )
        return Issued(certificate, key, self.above)

    def workload(self, path="/ns/prod/sa/agent", domain="example.org", **options):
        """The certificate of a workload."""
        return self.issue(uris=[f"spiffe://{domain}{path}"], **options)

    def write(self, path):
        """Writes the certificate of the authority; its path."""
        replace(path, pem(self.certificate))
        return path

    def client(self, shown=None, folder=None, protocols=None):
        """The context of a client that trusts this authority and shows `shown`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem(self.certificate).decode())
        if protocols:
            context.set_alpn_protocols(protocols)
        if shown:
            paths = shown.write(folder, f"client-{shown.serial}")
            context.load_cert_chain(*map(str, paths))
        return context
