using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>How long the VM was out of reach.</summary>
/// <param name="Update">How long after its arrival its sessions had followed: since it was announced, or since it stood still where nothing holds it.</param>
/// <param name="To">From its standstill to the first packet that reached it; null if none did.</param>
/// <param name="From">To the first of its own that reached the peer; null if none did.</param>
internal sealed record L3MigOutage(TimeSpan Update, TimeSpan? To, TimeSpan? From);

/// <summary>What passes on the cables during the first migration: tags within a site, addresses outside, resets and checksums at the tenant's machines.</summary>
internal sealed class L3MigWires : IDisposable
{
    private const uint Inside = 0x0a00_0000; // 10.0.0.0/8

    private readonly List<WireTap> _taps = [];
    private readonly List<ChecksumTally> _checksums = [];
    private readonly List<FrameCount> _resets = [];
    private readonly PathCounts? _path;
    private readonly FrameCount _announced; // the VM at its new place
    private readonly FrameCount[][] _reached; // the VM from each peer, at its old and its new place
    private readonly FrameCount _answered; // by the VM from its new place
    private readonly FrameCount _heard; // by the peer from the VM, wherever it is

    /// <param name="looksAtCopy">Whether to look at the copy's way too, which costs it time.</param>
    public L3MigWires(ScenarioRun run, L3MigLab lab, bool looksAtCopy)
    {
        _path = looksAtCopy ? WatchPath(run, lab) : null;
        WireTap peer = WatchMachine(Tap(run.Tap(lab.Peer, lab.Peer.CurrentInterface)), "at the peer");
        WireTap old = WatchMachine(Tap(run.Tap(lab.Machine, place: 0)), "at the VM before");
        WireTap machine = WatchMachine(Tap(run.Tap(lab.Machine, place: 1)), "at the VM after");
        Be32 own = lab.Machine.Address;
        _announced = machine.Count("announcements of the VM", (in frame) => frame.IsOutgoing && frame.Type is EtherType.Arp or EtherType.Rarp);
        _reached = [.. lab.Peers.Select(one => new[] { CountFrom(old, one.Address), CountFrom(machine, one.Address) })];
        _answered = machine.Count("UDP from the VM", (in frame) => frame.IsOutgoing && frame.Protocol == IpProtocol.Udp);
        _heard = peer.Count("UDP from the VM", (in frame) => !frame.IsOutgoing && frame.Protocol == IpProtocol.Udp && frame.NetworkSource == own);
    }

    /// <exception cref="TestbedException">Frames passed uncounted.</exception>
    public void Judge(ScenarioRun run)
    {
        _taps.ForEach(tap => tap.Drain());
        if (_path is { } path)
        {
            run.Check(
                "within the site all that goes to the gateway has its network's VLAN", "0 without, some with",
                $"{path.Untagged.Total} without, {path.Tagged.Total} with", path.Untagged.Total == 0 && path.Tagged.Total > 0);
            run.Check(
                "outside there are no tags and no addresses but the gateways'", "0 others, some theirs",
                $"{path.Strange.Total} others, {path.Translated.Total} theirs", path.Strange.Total == 0 && path.Translated.Total > 0);
        }
        int resets = _resets.Sum(count => count.Total);
        run.Check("resets seen at the peer and the VM", "0", $"{resets}", resets == 0);
        long verified = _checksums.Sum(tally => tally.Verified);
        int wrong = _checksums.Sum(tally => tally.Wrong.Total);
        run.Check("session's packets with a wrong IP, TCP or UDP checksum", $"0 of {verified}", $"{wrong}", wrong == 0 && verified > 0);
        run.Figure("session's packets verified", "none given", string.Join(", ", _checksums.Select(tally => $"{tally.Verified} {tally.Name}")));
    }

    /// <summary>
    /// From the VM's standstill to the first packet that reaches it at its new place, and to the first of its own from there that the peer gets. While a
    /// hypervisor holds it nothing can: then what is judged is the time from its announcement on.
    /// </summary>
    public L3MigOutage JudgeOutage(ScenarioRun run, L3MigMoved moved, TimeSpan longest)
    {
        run.Await(() => _reached[0][1].FirstAfter(moved.Left) != null && FirstHeard(moved.Left) != null); // or is judged not to
        _taps.ForEach(tap => tap.Drain());
        long arrived = moved.Figures == null ? moved.Left : _announced.FirstAfter(moved.Left) ?? moved.Done;
        TimeSpan update = Stopwatch.GetElapsedTime(arrived, moved.Done);
        TimeSpan? to = Judge("to", _reached[0][1].FirstAfter(moved.Left));
        TimeSpan? from = Judge("from", FirstHeard(moved.Left));
        if (moved.Figures != null)
        {
            run.CheckTime(
                "from the VM's announcement at its new place to the last entry of its sessions", $"at most {longest.TotalMilliseconds:0} ms",
                $"{update.TotalMilliseconds:0.0} ms", update <= longest);
        }
        return new L3MigOutage(update, to, from);

        TimeSpan? Judge(string direction, long? first)
        {
            TimeSpan? outage = first is { } when ? Stopwatch.GetElapsedTime(moved.Left, when) : null;
            string found = outage is { } known ? $"{known.TotalMilliseconds:0.0} ms" : "nothing came";
            if (moved.Figures is { } figures)
            {
                run.Figure($"outage {direction} the VM", "none given", $"{found}, QEMU's downtime {figures.Downtime.TotalMilliseconds:0} ms among it");
                run.Check($"packets {direction} the VM at its new place", "some", found, outage != null);
                return outage;
            }
            run.Figure($"outage {direction} the VM", "none given", found);
            run.CheckTime($"post-migration outage {direction} the VM", $"at most {longest.TotalMilliseconds:0} ms", found, outage <= longest);
            return outage;
        }
    }

    private long? FirstHeard(long left) => _answered.FirstAfter(left) is { } sent ? _heard.FirstAfter(sent) : null;

    /// <summary>The longest time between these two in which no UDP of one of the peers reached the VM: what is before or after them is another phase's.</summary>
    /// <remarks>After <see cref="Judge"/>. By the kernel: what a program is late to take has come all the same.</remarks>
    public TimeSpan LongestGapTo(long from, long to) =>
        _reached.Max(peer => Statistic.LongestGap(peer[0].Times.Concat(peer[1].Times).Order(), from, to, isCut: true));

    /// <summary>The same of UDP from the VM at the peer.</summary>
    public TimeSpan LongestGapFrom(long from, long to) => Statistic.LongestGap(_heard.Times, from, to, isCut: true);

    public void Dispose() => _taps.ForEach(tap => tap.Dispose());

    private static bool IsIn(in FrameView frame) => !frame.IsOutgoing && frame.IsIpv4;

    private static FrameCount CountFrom(WireTap tap, Be32 source) =>
        tap.Count("UDP to the VM", (in frame) => !frame.IsOutgoing && frame.Protocol == IpProtocol.Udp && frame.NetworkSource == source);

    private static bool IsOfSite(ushort? tag) => tag is CentralController.TenantVlan or CentralController.HypervisorVlan;

    private static bool IsGateway(Be32 address) => address == L3MigLab.NearSite.PublicAddress || address == L3MigLab.FarSite.PublicAddress;

    private static bool IsInside(Be32 address) => (address.Host & 0xff00_0000) == Inside;

    private PathCounts WatchPath(ScenarioRun run, L3MigLab lab)
    {
        WireTap site = Tap(run.Tap(lab.NearGateway, LabSwitch.InterfaceOf(L3MigLab.NearSite.SiteAt)));
        FrameCount tagged = site.Count("IPv4 in a site's VLANs", (in frame) => IsIn(frame) && IsOfSite(frame.VlanTag));
        FrameCount untagged = site.Count("other IPv4", (in frame) => IsIn(frame) && !IsOfSite(frame.VlanTag));
        WireTap outside = Tap(run.Tap(lab.Network, lab.Network.Interfaces[0]));
        FrameCount translated = outside.Count(
            "between the gateways", (in frame) => frame.IsIpv4 && IsGateway(frame.NetworkSource) && IsGateway(frame.NetworkDestination));
        FrameCount strange = outside.Count(
            "with a tag or an address of the inside",
            (in frame) => frame.IsIpv4 && (frame.VlanTag != null || IsInside(frame.NetworkSource) || IsInside(frame.NetworkDestination)));
        _checksums.Add(new ChecksumTally(outside, "between the gateways", (in frame) => IsGateway(frame.NetworkSource)));
        return new PathCounts(tagged, untagged, translated, strange);
    }

    private WireTap Tap(WireTap tap)
    {
        _taps.Add(tap);
        return tap;
    }

    private WireTap WatchMachine(WireTap tap, string where)
    {
        _resets.Add(tap.Count("resets", (in frame) => frame.IsTcpReset));
        _checksums.Add(new ChecksumTally(tap, where, (in frame) => frame.Protocol is IpProtocol.Tcp or IpProtocol.Udp));
        return tap;
    }

    private sealed record PathCounts(FrameCount Tagged, FrameCount Untagged, FrameCount Translated, FrameCount Strange);
}
