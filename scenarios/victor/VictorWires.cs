using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Victor;

/// <summary>What passes on the cables of the IP network and of the VM.</summary>
internal sealed class VictorWires
{
    private const byte SentTimeToLive = 64; // as Linux sends
    private const ushort VxlanPort = 4789;

    private readonly FrameCount _tunnelled;
    private readonly FrameCount _bare;
    private readonly FrameCount _delivered;
    private readonly FrameCount _wrong;
    private readonly FrameCount _stillWrapped;
    private readonly WireTap _network;
    private readonly WireTap _mobile;

    private readonly string _kind;

    public VictorWires(ScenarioRun run, VictorLab lab)
    {
        _kind = run.Get(VictorParameters.Tunnel);
        Be32 sender = lab.Correspondent.Address;
        _network = run.Tap(lab.Core, lab.Core.Interfaces[2]);
        _tunnelled = _network.Count(_kind, IsWrapped);
        _bare = _network.Count("other IPv4", IsBare);
        _mobile = run.Tap(lab.Mobile, place: 1);
        _delivered = _mobile.Count("from the correspondent", (in frame) => frame.NetworkSource == sender);
        _wrong = _mobile.Count(
            "with a changed TTL or a wrong checksum", (in frame) => frame.NetworkSource == sender && (frame.TimeToLive != SentTimeToLive || !frame.HasRightHeaderChecksum));
        _stillWrapped = _mobile.Count(_kind, IsWrapped);
    }

    private bool IsWrapped(in FrameView frame) => _kind switch
    {
        "gre" => frame.Protocol == IpProtocol.Gre,
        "vxlan" => frame.DestinationPort == VxlanPort,
        "capsulator" => frame.Protocol == IpProtocol.Capsulator,
        _ => frame.Protocol == IpProtocol.IpInIp,
    };

    // ICMP of the network's own, between 172.16/12, is no machine's.
    private bool IsBare(in FrameView frame) =>
        frame.IsIpv4 && !IsWrapped(frame)
        && (frame.Protocol != IpProtocol.Icmp || IsMachine(frame.NetworkSource) || IsMachine(frame.NetworkDestination));

    private static bool IsMachine(Be32 address) => address.Host >> 24 == 10;

    public void Judge(ScenarioRun run)
    {
        _network.Drain();
        _mobile.Drain();
        run.Check(
            $"on the IP network the machines' packets are in {_kind}, and only that", "0 bare, some wrapped",
            $"{_bare.Total} bare, {_tunnelled.Total} wrapped", _bare.Total == 0 && _tunnelled.Total > 0);
        run.Check(
            "at the VM the outer header is gone, the inner TTL is as sent and its checksum right", $"0 of {_delivered.Total} wrong",
            $"{_stillWrapped.Total} wrapped, {_wrong.Total} wrong", _delivered.Total > 0 && _stillWrapped.Total == 0 && _wrong.Total == 0);
    }
}
