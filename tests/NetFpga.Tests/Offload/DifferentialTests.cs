using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.Testing.Offload;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>Real frames through the emulated card after every single register write, against a switch without a card before and after the change.</summary>
public sealed class DifferentialTests
{
    [Theory]
    [InlineData(1, OffloadLevel.Strict, 6)]
    [InlineData(2, OffloadLevel.On, 12)]
    [InlineData(3, OffloadLevel.All, 40)]
    internal void No_register_write_lets_a_frame_fare_otherwise_than_by_the_old_or_the_new_table(int seed, OffloadLevel level, int size) =>
        Run(seed, level, size, 200);

    /// <summary>Minutes: run it with <c>-explicit only</c>.</summary>
    [Theory(Explicit = true)]
    [InlineData(11, OffloadLevel.Strict, 8)]
    [InlineData(12, OffloadLevel.On, 15)]
    [InlineData(13, OffloadLevel.All, 12)]
    [InlineData(14, OffloadLevel.All, 60)]
    internal void Nor_does_one_in_twenty_five_thousand_changes(int seed, OffloadLevel level, int size) => Run(seed, level, size, 25_000);

    private static void Run(int seed, OffloadLevel level, int size, int changes)
    {
        RandomMatches random = new(seed);
        RandomTable actions = new(seed + 1);
        List<(FlowMatch Match, ushort Priority)> known = [];
        using ProbedSwitches sut = new(level);
        for (int i = 0; i < changes; i++)
        {
            List<(ushort Port, byte[] Frame)> probes = [];
            while (probes.Count < 8)
            {
                byte[] frame = Retag(random.NextFrame(), random.Random, level);
                if (CardErrata.IsParsed(frame) && (level == OffloadLevel.Strict || !CardErrata.IsFragment(frame)))
                {
                    probes.Add(((ushort)random.Random.Next(1, 5), frame));
                }
            }
            sut.Change(probes, NextChange(random, actions, known, sut.FlowCount < size));
        }
        Assert.True(sut.ByCard * 20 > sut.Probed, $"the card treated {sut.ByCard} of {sut.Probed} frames by itself: too few to say anything");
    }

    /// <summary>Some tagged frames get a second tag, or in strict mode, where that must make no difference, bit 12 of their tag.</summary>
    private static byte[] Retag(byte[] frame, Random random, OffloadLevel level)
    {
        const int Tag = 12;
        if (frame[Tag] != 0x81 || frame[Tag + 1] != 0)
        {
            return frame;
        }
        frame[Tag + 2] |= (byte)(level == OffloadLevel.Strict && random.Next(2) == 0 ? 0x10 : 0);
        return random.Next(3) == 0 ? [.. frame[..Tag], 0x81, 0, (byte)(random.Next(8) << 5), 7, .. frame[Tag..]] : frame;
    }

    /// <summary>One entry or one port at a time: what a non-strict command does to several, the software does one after the other, too.</summary>
    private static Action<DatapathControl> NextChange(RandomMatches random, RandomTable actions, List<(FlowMatch Match, ushort Priority)> known, bool grow)
    {
        FlowMatch match = random.NextMatch();
        match.InPort = (ushort)random.Random.Next(1, 6);
        match.Wildcards |= random.Random.Next(3) == 0 ? FlowWildcards.None : (FlowWildcards)random.Random.Next(1 << 22);
        ushort priority = (ushort)random.Random.Next(6);
        FlowAction[] list = actions.NextActions();
        int some = random.Random.Next(Math.Max(1, known.Count));
        switch (known.Count == 0 ? 9 : random.Random.Next(grow ? 10 : 6))
        {
            case 0:
                (match, priority) = known[some];
                return control => control.Apply(new FlowMod { Command = FlowModCommand.ModifyStrict, Match = match, Priority = priority, Actions = list });
            case 1:
                (match, priority) = known[some];
                return control => control.Apply(new FlowMod { Match = match, Priority = priority, Actions = list });
            case 2 when random.Random.Next(4) == 0:
                ushort port = (ushort)random.Random.Next(1, 6);
                PortConfig config = random.Random.Next(2) == 0 ? PortConfig.None : (PortConfig)random.Random.Next((int)PortConfig.All + 1);
                return control => control.Ports.Configure(port, SwitchPair.Twin.AddressOf(port), config & ~PortConfig.PortDown, PortConfig.All);
            case 3 when random.Random.Next(8) == 0:
                return control =>
                {
                    control.Pipeline.FragmentHandling = FragmentHandling.Drop;
                    control.Pipeline.FragmentHandling = FragmentHandling.Normal;
                };
            case < 6:
                (match, priority) = known[some];
                known.RemoveAt(some);
                return control => control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = match, Priority = priority });
            default:
                known.Add((match, priority));
                return control => control.Apply(new FlowMod { Match = match, Priority = priority, Actions = list });
        }
    }

    /// <summary>A switch without a card, and one with: this one's card is looked at while it is written.</summary>
    private sealed class ProbedSwitches : IDisposable
    {
        private readonly SwitchPair.Twin _plain;
        private readonly SwitchPair.Twin _offloaded;
        private readonly EmulatedHardware _hardware;
        private List<(ushort Port, byte[] Frame)> _probes = [];
        private string[] _before = [];
        private string[] _after = [];

        public ProbedSwitches(OffloadLevel level)
        {
            TestTime time = new();
            _plain = new SwitchPair.Twin(time);
            _offloaded = new SwitchPair.Twin(time);
            _hardware = new EmulatedHardware(time, level);
            _offloaded.Control.Flows.Offloads.Attach(_hardware.Offload);
            _hardware.Card.Written = _ => Check("during the change");
        }

        public long Probed { get; private set; }

        public long ByCard { get; private set; }

        public uint FlowCount => _plain.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).FlowCount;

        public void Change(List<(ushort Port, byte[] Frame)> probes, Action<DatapathControl> change)
        {
            _probes = probes;
            _before = [.. probes.Select(probe => Fare(probe.Port, probe.Frame))];
            change(_plain.Control);
            _after = [.. probes.Select(probe => Fare(probe.Port, probe.Frame))];
            change(_offloaded.Control);
            _before = _after;
            Check("after the change");
            _probes = [];
            _offloaded.Settle(_offloaded.Leave);
        }

        public void Dispose()
        {
            _probes = [];
            _plain.Dispose();
            _offloaded.Dispose();
            _hardware.Dispose();
        }

        /// <summary>What the switch without a card makes of a frame.</summary>
        private string Fare(ushort port, byte[] frame)
        {
            _plain.Clear();
            _plain.Inject(port, frame);
            _plain.Settle(_plain.Leave);
            return _plain.PacketIns.Count > 0 ? "the controller" : _plain.Describe();
        }

        private void Check(string when)
        {
            for (int i = 0; i < _probes.Count; i++)
            {
                (ushort port, byte[] frame) = _probes[i];
                bool punted = false;
                _offloaded.Clear();
                _hardware.Receive(port, frame, _offloaded.Leave, (number, copy) =>
                {
                    Assert.Equal(port, number);
                    Assert.Equal(frame, copy);
                    punted = true;
                });
                Probed++;
                if (punted)
                {
                    Assert.Empty(_offloaded.Left);
                    continue;
                }
                ByCard++;
                string fared = _offloaded.Describe();
                Assert.True(
                    fared == _before[i] || fared == _after[i],
                    $"{when}, port {port}, {Convert.ToHexString(frame)}: the card sends [{fared}], software sends [{_before[i]}] before and [{_after[i]}] after");
            }
        }
    }
}
