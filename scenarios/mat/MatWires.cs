using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>Packets that leave the switches: whether they still carry the address of the node's old place.</summary>
internal sealed class MatWires
{
    private readonly List<Wire> _wires = [];

    /// <param name="visited">How many places the node will have been at: at the other switches there is nothing to be seen.</param>
    public MatWires(ScenarioRun run, MatLab lab, int visited)
    {
        LabSwitch[] places = [.. lab.Places.Take(visited)];
        Be32[] mobiles = [.. places.Select(MatLab.MobileAt)];
        foreach (LabSwitch one in (LabSwitch[])[lab.First, .. places.Where(place => place != lab.First)])
        {
            _wires.Add(new Wire(one, run.Tap(lab.Router, lab.Router.Interfaces[(int)one.DatapathId - 1]), isTowardsRouter: true, mobiles));
        }
        _wires.Add(new Wire(lab.First, run.Tap(lab.Correspondent, lab.Correspondent.CurrentInterface), isTowardsRouter: false, mobiles));
        _wires.AddRange(places.Select((one, i) => new Wire(one, run.Tap(lab.Mobile, i), isTowardsRouter: false, mobiles)));
    }

    /// <summary>From a move's RARP to the first packet with the new address that a switch sent towards the router.</summary>
    /// <exception cref="TestbedException">There was none.</exception>
    public TimeSpan FirstFrom(LabSwitch from, MatMove move) =>
        _wires.Find(wire => wire.From == from && wire.IsTowardsRouter)!.CountOf(move.Update.After).FirstAfter(move.Announced) is { } first
            ? Stopwatch.GetElapsedTime(move.Announced, first)
            : throw new TestbedException($"{from.Name} sent nothing to {Ipv4Text.Format(move.Update.After)}");

    /// <summary>For each move and each switch: packets with the old address that left it after its barrier's reply.</summary>
    /// <returns>How many did.</returns>
    public int Judge(ScenarioRun run, IReadOnlyList<MatMove> moves)
    {
        _wires.ForEach(wire => wire.Tap.Drain());
        int inAll = 0;
        // Packets that wait for a slow cable were translated before.
        bool isJudged = run.Get(MatLab.Barriers) && run.Get(MatLab.Grace) > 0 && run.Get(CommonParameters.LinkRate) == null;
        foreach (LabSwitch one in _wires.Select(wire => wire.From).Distinct())
        {
            int after = 0;
            int before = 0;
            for (int i = 0; i < moves.Count; i++)
            {
                // Up to the next move, which makes the old address the new one again.
                long end = i + 1 < moves.Count ? moves[i + 1].Announced : long.MaxValue;
                Be32 old = moves[i].Update.Before!.Value;
                after += _wires.Where(wire => wire.From == one).Sum(wire => wire.CountOf(old).Between(moves[i].Update.DoneAt[one.DatapathId], end));
                before += _wires.Where(wire => wire.From == one).Sum(wire => wire.CountOf(old).Between(long.MinValue, moves[i].Update.DoneAt[one.DatapathId]));
            }
            inAll += after;
            if (isJudged)
            {
                run.Check(
                    $"packets with the old address that leave {one.Name} after its barrier's reply", "0", $"{after} ({before} before)", after == 0);
            }
        }
        int bare = _wires.Where(wire => wire.IsTowardsRouter).Sum(wire => wire.Home.Total);
        run.Check("no packet with the home address reaches the legacy router", "0", $"{bare}", bare == 0);
        return inAll;
    }

    /// <summary>The end of a cable that a switch sends to.</summary>
    private sealed class Wire
    {
        private readonly Dictionary<Be32, FrameCount> _counts = [];

        public Wire(LabSwitch from, WireTap tap, bool isTowardsRouter, IEnumerable<Be32> mobiles)
        {
            From = from;
            Tap = tap;
            IsTowardsRouter = isTowardsRouter;
            foreach (Be32 address in mobiles)
            {
                _counts[address] = tap.Count($"with {Ipv4Text.Format(address)}", (in frame) => !frame.IsOutgoing && Carries(frame, address));
            }
            Home = tap.Count("with the home address", (in frame) => !frame.IsOutgoing && Carries(frame, MatLab.Home));
        }

        public LabSwitch From { get; }

        public WireTap Tap { get; }

        public bool IsTowardsRouter { get; }

        public FrameCount Home { get; }

        public FrameCount CountOf(Be32 address) => _counts[address];

        private static bool Carries(in FrameView frame, Be32 address) => frame.IsIpv4 && (frame.NetworkSource == address || frame.NetworkDestination == address);
    }
}
