using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What passes on the cables during the first migration: tags within a site, addresses outside, resets and checksums at the tenant's machines.</summary>
internal sealed class L3MigWires : IDisposable
{
    private const uint Inside = 0x0a00_0000; // 10.0.0.0/8

    private readonly List<WireTap> _taps = [];
    private readonly List<ChecksumTally> _checksums = [];
    private readonly List<FrameCount> _resets = [];
    private readonly FrameCount _tagged;
    private readonly FrameCount _untagged;
    private readonly FrameCount _translated;
    private readonly FrameCount _strange;
    private readonly FrameCount _announced; // the VM at its new place
    private readonly FrameCount _reached; // the VM at its new place
    private readonly FrameCount _answered; // by the VM from its new place
    private readonly FrameCount _heard; // by the peer from the VM, wherever it is

    public L3MigWires(ScenarioRun run, L3MigLab lab)
    {
        WireTap site = Tap(run.Tap(lab.NearGateway, LabSwitch.InterfaceOf(L3MigLab.NearSite.SiteAt)));
        _tagged = site.Count("IPv4 in a site's VLANs", (in frame) => IsIn(frame) && frame.Frame.VlanTag is CentralController.TenantVlan or CentralController.HypervisorVlan);
        _untagged = site.Count("other IPv4", (in frame) => IsIn(frame) && frame.Frame.VlanTag is not (CentralController.TenantVlan or CentralController.HypervisorVlan));
        WireTap outside = Tap(run.Tap(lab.Network, lab.Network.Interfaces[0]));
        _translated = outside.Count("between the gateways", (in frame) => frame.IsIpv4 && IsGateway(frame.NetworkSource) && IsGateway(frame.NetworkDestination));
        _strange = outside.Count(
            "with a tag or an address of the inside", (in frame) => frame.IsIpv4 && (frame.Frame.VlanTag != null || IsInside(frame.NetworkSource) || IsInside(frame.NetworkDestination)));
        WireTap peer = WatchMachine(Tap(run.Tap(lab.Peer, lab.Peer.CurrentInterface)), "at the peer");
        WatchMachine(Tap(run.Tap(lab.Machine, place: 0)), "at the VM before");
        WireTap machine = WatchMachine(Tap(run.Tap(lab.Machine, place: 1)), "at the VM after");
        Be32 own = lab.Machine.Address;
        _announced = machine.Count("announcements of the VM", (in frame) => frame.IsOutgoing && frame.Type is EtherType.Arp or EtherType.Rarp);
        _reached = machine.Count("UDP to the VM", (in frame) => !frame.IsOutgoing && frame.Protocol == IpProtocol.Udp);
        _answered = machine.Count("UDP from the VM", (in frame) => frame.IsOutgoing && frame.Protocol == IpProtocol.Udp);
        _heard = peer.Count("UDP from the VM", (in frame) => !frame.IsOutgoing && frame.Protocol == IpProtocol.Udp && frame.NetworkSource == own);
        _checksums.Add(new ChecksumTally(outside, "between the gateways", (in frame) => IsGateway(frame.NetworkSource)));
    }

    /// <exception cref="TestbedException">Frames passed uncounted.</exception>
    public void Judge(ScenarioRun run)
    {
        _taps.ForEach(tap => tap.Drain());
        run.Check(
            "within the site all that goes to the gateway has its network's VLAN", "0 without, some with",
            $"{_untagged.Total} without, {_tagged.Total} with", _untagged.Total == 0 && _tagged.Total > 0);
        run.Check(
            "outside there are no tags and no addresses but the gateways'", "0 others, some theirs",
            $"{_strange.Total} others, {_translated.Total} theirs", _strange.Total == 0 && _translated.Total > 0);
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
    /// <returns>How long after the VM's arrival its sessions had followed: since it was announced, or since it stood still where nothing holds it.</returns>
    public TimeSpan JudgeOutage(ScenarioRun run, L3MigMoved moved, TimeSpan longest)
    {
        _taps.ForEach(tap => tap.Drain());
        long arrived = moved.Figures == null ? moved.Left : _announced.FirstAfter(moved.Left) ?? moved.Done;
        TimeSpan update = Stopwatch.GetElapsedTime(arrived, moved.Done);
        Judge("to", _reached.FirstAfter(moved.Left));
        Judge("from", _answered.FirstAfter(moved.Left) is { } sent ? _heard.FirstAfter(sent) : null);
        if (moved.Figures != null)
        {
            run.CheckTime(
                "from the VM's announcement at its new place to the last entry of its sessions", $"at most {longest.TotalMilliseconds:0} ms",
                $"{update.TotalMilliseconds:0.0} ms", update <= longest);
        }
        return update;

        void Judge(string direction, long? first)
        {
            string found = first is { } when ? $"{Stopwatch.GetElapsedTime(moved.Left, when).TotalMilliseconds:0.0} ms" : "nothing came";
            if (moved.Figures is { } figures)
            {
                run.Figure($"outage {direction} the VM", "none given", $"{found}, QEMU's downtime {figures.Downtime.TotalMilliseconds:0} ms among it");
                run.Check($"packets {direction} the VM at its new place", "some", found, first != null);
                return;
            }
            run.Figure($"outage {direction} the VM", "none given", found);
            run.CheckTime(
                $"post-migration outage {direction} the VM", $"at most {longest.TotalMilliseconds:0} ms", found, first != null && Stopwatch.GetElapsedTime(moved.Left, first.Value) <= longest);
        }
    }

    public void Dispose() => _taps.ForEach(tap => tap.Dispose());

    private static bool IsIn(in FrameView frame) => !frame.IsOutgoing && frame.IsIpv4;

    private static bool IsGateway(Be32 address) => address == L3MigLab.NearSite.PublicAddress || address == L3MigLab.FarSite.PublicAddress;

    private static bool IsInside(Be32 address) => (address.Host & 0xff00_0000) == Inside;

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
}
