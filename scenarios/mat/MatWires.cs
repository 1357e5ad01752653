using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>What leaves the switches: whether it still carries the address of where the node was.</summary>
internal sealed class MatWires
{
    private readonly List<Wire> _wires = [];

    public MatWires(ScenarioRun run, MatLab lab)
    {
        LabSwitch[] switches = [lab.First, lab.Second, lab.Third];
        _wires.AddRange(switches.Select((from, i) => new Wire(from, run.Tap(lab.Router, lab.Router.Interfaces[i]), isTowardsRouter: true)));
        _wires.Add(new Wire(lab.First, run.Tap(lab.Correspondent, lab.Correspondent.CurrentInterface), isTowardsRouter: false));
        _wires.Add(new Wire(lab.Second, run.Tap(lab.Mobile, place: 0), isTowardsRouter: false));
        _wires.Add(new Wire(lab.Third, run.Tap(lab.Mobile, place: 1), isTowardsRouter: false));
    }

    /// <summary>For each move and each switch: packets with the old address that left it after its barrier's reply.</summary>
    public void Judge(ScenarioRun run, MatLab lab, IReadOnlyList<MatMove> moves)
    {
        _wires.ForEach(wire => wire.Tap.Drain());
        foreach (LabSwitch one in run.Lab.Switches)
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
            run.Check($"packets with the old address that leave {one.Name} after its barrier's reply", "0", $"{after} ({before} before)", after == 0);
        }
        int bare = _wires.Where(wire => wire.IsTowardsRouter).Sum(wire => wire.Home.Total);
        run.Check("no packet with the home address reaches the legacy router", "0", $"{bare}", bare == 0);
    }

    /// <summary>The end of a cable that a switch sends to.</summary>
    private sealed class Wire
    {
        private readonly Dictionary<Be32, FrameCount> _counts = [];

        public Wire(LabSwitch from, WireTap tap, bool isTowardsRouter)
        {
            From = from;
            Tap = tap;
            IsTowardsRouter = isTowardsRouter;
            foreach (Be32 address in (Be32[])[LabText.Address("192.168.2.100"), LabText.Address("192.168.3.100")])
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
