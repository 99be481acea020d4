"""`edge keys`: what the certificates say, who may read them, and what is never overwritten."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hq_brokers import Keys

from edge.clock import SystemClock
from edge.errors import ConfigError
from edge.keys.main import make_authority, make_server, make_sites
from edge.mosquitto.certificates import check_link, date_fault, ends_at

CLOCK = SystemClock()
NOW_NS = CLOCK.wall_ns()


@pytest.fixture
def keys(tmp_path):
    """An authority with headquarters and one site."""
    return Keys(tmp_path / "keys", ["jkt-001"], hosts=["hq.example", "10.0.0.1", "fd00::1"])


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(one: x509.Certificate, kind: type):
    return one.extensions.get_extension_for_class(kind).value


def test_certificate_of_a_site_is_named_like_it_and_good_for_a_client_alone(keys):
    """The common name is who the site is at headquarters; as a server it is worth nothing."""
    site = certificate(keys.files("jkt-001")["cert_file"])
    assert [one.value for one in site.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["jkt-001"]
    assert list(extension(site, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extension(site, x509.BasicConstraints).ca
    site.verify_directly_issued_by(certificate(keys.folder / "ca.crt"))


def test_certificate_of_headquarters_has_every_name_that_sites_dial(keys):
    """Names and addresses; and it is good for a server alone."""
    hq = certificate(keys.folder / "hq" / "hq.crt")
    names = extension(hq, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["hq.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "fd00::1"]
    assert list(extension(hq, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_authority_signs_sites_and_no_other_authority(keys):
    """What it signed cannot sign in its turn."""
    assert extension(certificate(keys.folder / "ca.crt"), x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)


def test_clock_of_a_site_may_be_a_day_behind(keys):
    """A box whose battery is flat would otherwise not get in on its first day."""
    site = certificate(keys.files("jkt-001")["cert_file"])
    assert datetime.now(UTC) - site.not_valid_before_utc > timedelta(hours=23)


def test_keys_are_readable_by_their_owner_alone(keys):
    """Certificates are no secret, keys are."""
    for path in keys.folder.rglob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert sorted(path.name for path in keys.folder.rglob("*.key")) == ["ca.key", "hq.key", "site.key"]
    assert keys.folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_overwritten_unless_asked_for(keys):
    """An authority never; a certificate with --renew, which gives it another key and keeps its name."""
    before = {path: path.read_bytes() for path in keys.folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="holds an authority already"):
        make_authority(keys.folder, CLOCK, io.StringIO(), name="other")
    with pytest.raises(ConfigError, match="--renew"):
        make_server(keys.folder, ["hq.example"], CLOCK, io.StringIO())
    with pytest.raises(ConfigError, match="--renew"):
        make_sites(keys.folder, ["jkt-002", "jkt-001"], CLOCK, io.StringIO())
    assert {path: path.read_bytes() for path in keys.folder.rglob("*") if path.is_file()} == before
    make_sites(keys.folder, ["jkt-001"], CLOCK, io.StringIO(), renew=True, days=30)
    assert keys.files("jkt-001")["key_file"].read_bytes() != before[keys.files("jkt-001")["key_file"]]
    assert ends_at(keys.link("jkt-001", "hq.example", 8883)) < datetime.now(UTC) + timedelta(days=31)


@pytest.mark.parametrize("site", ["", "JKT", "a/b", "a+b", "a#", "x" * 33, "hq", "hq-1", "hq_programs", "a b", ".."])
def test_name_that_no_site_may_have_is_refused(keys, site):
    """Headquarters' own names, and whatever would be more than one level of a topic."""
    with pytest.raises(ConfigError, match="site"):
        make_sites(keys.folder, [site], CLOCK, io.StringIO())
    assert [path.name for path in (keys.folder / "sites").iterdir()] == ["jkt-001"]


@pytest.mark.parametrize(("hosts", "days"), [(["https://hq"], 1), (["hq:8883"], 1), ([""], 1), (["hq"], 0), (["hq"], 7301)])
def test_host_or_time_that_cannot_be_is_refused(keys, hosts, days):
    """Before a certificate is made that nobody could use."""
    with pytest.raises(ConfigError):
        make_server(keys.folder, hosts, CLOCK, io.StringIO(), days=days, renew=True)


def test_folder_without_an_authority_says_how_to_make_one(tmp_path):
    """And a folder whose key is another's is not used."""
    with pytest.raises(ConfigError, match="edge keys ca"):
        make_sites(tmp_path, ["jkt-001"], CLOCK, io.StringIO())
    one, other = Keys(tmp_path / "one", []), Keys(tmp_path / "other", [])
    (one.folder / "ca.key").write_bytes((other.folder / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="is not the key of"):
        make_sites(one.folder, ["jkt-001"], CLOCK, io.StringIO())


def test_what_is_said_holds_no_key(tmp_path):
    """Only where the files are, and how to use a real authority."""
    said = io.StringIO()
    make_authority(tmp_path / "keys", CLOCK, said, name="trial")
    make_sites(tmp_path / "keys", ["jkt-001"], CLOCK, said)
    assert "BEGIN" not in said.getvalue()
    assert "common name (CN)" in said.getvalue()


# -- whether the files of a site belong together -----------------------------------------------------------------------


def test_link_that_fits_says_until_when(keys):
    """Certificate, key, authority and site belong together."""
    link = keys.link("jkt-001", "hq.example", 8883)
    check_link("jkt-001", link)
    assert ends_at(link) > datetime.now(UTC) + timedelta(days=800)
    assert date_fault(link, NOW_NS) is None
    assert "renew it, or set the clock" in date_fault(link, NOW_NS + 826 * 86_400 * 10**9)
    assert "renew it, or set the clock" in date_fault(link, 0)


def test_link_whose_parts_do_not_belong_together_is_refused(keys, tmp_path):
    """Each mistake has its own sentence, with the key of the configuration and what to do."""
    other = Keys(tmp_path / "other", ["jkt-001"])
    good, bad = keys.link("jkt-001", "h", 1), other.link("jkt-001", "h", 1)
    garbage = tmp_path / "garbage"
    garbage.write_text("nothing")
    cases = [
        ("jkt-002", good, "is that of jkt-001, this is the site jkt-002"),
        ("jkt-001", good.model_copy(update={"key_file": bad.key_file}), "hq.key_file .* is not the key of"),
        ("jkt-001", good.model_copy(update={"ca_file": bad.ca_file}), "was not signed by hq.ca_file"),
        ("jkt-001", good.model_copy(update={"ca_file": garbage}), "hq.ca_file .* is not a certificate in PEM"),
        ("jkt-001", good.model_copy(update={"key_file": garbage}), "hq.key_file .* is not a key in PEM"),
        ("jkt-001", good.model_copy(update={"cert_file": tmp_path / "no"}), "hq.cert_file .* cannot be read"),
        ("jkt-001", good.model_copy(update={"key_file": tmp_path / "no"}), "hq.key_file .* cannot be read"),
    ]
    for site, link, message in cases:
        with pytest.raises(ConfigError, match=message):
            check_link(site, link)
