using System.Diagnostics;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What the hypervisors send each other for a move: a copy whose every byte is known, and behind it, by the same connection, a guest's memory.</summary>
/// <remarks>A namespace has no memory to send. Threads: made and used by one.</remarks>
internal sealed class L3MigTransfer : IDisposable
{
    private const double LimitedCopy = 200e6; // bits a second, while what is measured is not the copy
    private const long LimitedMemory = 4_000_000; // so few that a guest is not there before its entries are

    private readonly L3MigLab _lab;
    private readonly Session _session;
    private readonly int _place;
    private TcpSummary? _summary;
    private ulong _copied;

    /// <param name="order">Whose connection has its entries.</param>
    /// <param name="place">Where the VM is to go.</param>
    /// <param name="waits">Whether nothing is sent before it is said how much.</param>
    /// <exception cref="TestbedException">No connection.</exception>
    public L3MigTransfer(L3MigLab lab, MigrationOrder order, int place, bool waits = false)
    {
        _lab = lab;
        _session = order.Copy;
        _place = place;
        (LabHost from, LabHost to) = place == 0 ? (lab.FarServer, lab.NearServer) : (lab.NearServer, lab.FarServer);
        Copy = TcpStream.StartCopy(from, to, to.Address, order.Copy.SourcePort, order.Copy.DestinationPort, waits ? 0 : long.MaxValue);
    }

    public TcpStream Copy { get; }

    /// <summary>Lets the copy run, as fast as it may, until so much more has arrived.</summary>
    /// <param name="meanwhile">What is done after it has begun.</param>
    /// <param name="ensure">Throws if there is no use in going on.</param>
    /// <param name="rate">Bits a second it may take; null for as many as there are.</param>
    /// <returns>How long it took.</returns>
    /// <exception cref="TestbedException">The connection broke.</exception>
    public TimeSpan CopyMemory(ScenarioRun run, long bytes, double? rate, Action meanwhile, Action ensure)
    {
        long began = Stopwatch.GetTimestamp();
        long all = Copy.Arrived + bytes;
        Copy.Bound(all);
        if (rate is { } limit)
        {
            Copy.Limit(limit / 8);
        }
        else
        {
            Copy.Unlimit();
        }
        meanwhile();
        while (Copy.Arrived < all)
        {
            run.Wait(TimeSpan.FromMilliseconds(1));
            ensure();
            if (Copy.Failure is { } failure)
            {
                throw new TestbedException($"the memory copy broke: {failure}");
            }
        }
        return Stopwatch.GetElapsedTime(began, Copy.ArrivedAt);
    }

    /// <summary>Slows the copy down. With a guest, its memory goes on where the copy ends, as slowly.</summary>
    public void BeginMove(ScenarioRun run)
    {
        if (_lab.Machine is LabMachine guest)
        {
            guest.Prepare(_place);
            _summary = Copy.HandOver(out Socket from, out Socket to);
            _copied = CountTranslated();
            guest.BeginMove(_place, from, to, LimitedMemory);
            run.Say("the guest's memory is under way");
            return;
        }
        Copy.Limit((run.Get(L3MigParameters.CopyRate) * 1e6 ?? LimitedCopy) / 8);
        run.Wait(TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1)); // until what was under way at full speed has arrived
    }

    /// <summary>Checks that a guest's memory went by the connection's entries.</summary>
    public void Judge(ScenarioRun run, MigrationFigures figures)
    {
        ulong bytes = CountTranslated() - _copied;
        run.Check(
            $"the guest's memory goes through six rewrites at each gateway, to site {_place + 1}", $"{figures.Bytes / 1e6:0.0} MB or more",
            $"{bytes / 1e6:0.0} MB in packets", bytes >= (ulong)figures.Bytes);
    }

    /// <summary>Ends the copy, if that has not been done, and closes the connection.</summary>
    public TcpSummary End()
    {
        _summary ??= Copy.Stop();
        Copy.Dispose();
        return _summary;
    }

    public void Dispose() => Copy.Dispose();

    /// <summary>Bytes that the gateway where the connection comes from has rewritten for it.</summary>
    private ulong CountTranslated()
    {
        string ends = $"nw_src={Ipv4Text.Format(_session.Source)},nw_dst={Ipv4Text.Format(_session.Destination)},";
        return (_place == 0 ? _lab.FarGateway : _lab.NearGateway).TakeSnapshot().Flows.Single(flow => flow.Match.Contains(ends, StringComparison.Ordinal)).Bytes;
    }
}
