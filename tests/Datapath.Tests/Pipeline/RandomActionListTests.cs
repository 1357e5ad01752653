using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Random lists of actions, short and long, that several ports use at a time, against a list read aloud.</summary>
public sealed class RandomActionListTests : IDisposable
{
    private readonly TestSwitch _sut = new() { KeepsFrames = true };

    public void Dispose() => _sut.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Packets_leave_as_a_list_read_aloud_says_in_order_from_each_port(int seed)
    {
        Random random = new(seed);
        FlowAction[][] lists = [.. Enumerable.Range(0, 6).Select(n => RandomList(random, n % 2 == 0 ? 5 : 300))];
        for (int n = 0; n < lists.Length; n++)
        {
            FlowMatch match = FlowMatch.Any with { Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.DlVlan, DlVlan = (ushort)(n + 1) };
            Assert.Equal(ControlError.None, _sut.Add(match, 5, lists[n]));
        }
        Dictionary<(ushort From, ushort To), List<byte[]>> expected = [];
        Dictionary<(ushort From, ushort To), List<byte[]>> actual = [];
        for (int step = 0; step < 300; step++)
        {
            ushort inPort = (ushort)random.Next(1, 4);
            int list = random.Next(lists.Length);
            byte[] frame = TestPacket.Udp(srcPort: (ushort)step, vlan: (ushort)(list + 1), dlSrc: inPort, payload: random.Next(1400));
            Assert.True(_sut[inPort].TryInject(frame));
            ReadAloud(lists[list], frame, inPort, expected);
            for (int passes = random.Next(3); passes > 0; passes--)
            {
                _sut.Control.Workers[0].PollOnce();
                Collect();
            }
        }
        while (_sut.Control.Workers[0].PollOnce() > 0)
        {
            Collect();
        }
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        Assert.All(expected, pair => Assert.Equal(pair.Value, actual[pair.Key]));
        Assert.All(_sut.Control.Accounts.Read().Rows, row => Assert.Equal(0, row.Unaccounted + row.Held));

        void Collect()
        {
            for (ushort to = 1; to <= 4; to++)
            {
                foreach (byte[] frame in _sut.Received(to))
                {
                    AddTo(actual, frame[11], to, frame);
                }
            }
        }
    }

    private static FlowAction[] RandomList(Random random, int length) => [.. Enumerable.Range(0, random.Next(1, length)).Select(n => random.Next(4) switch
    {
        0 => FlowAction.SetTpDst((ushort)n),
        1 when random.Next(10) == 0 => FlowAction.Output(PortNumber.All),
        _ => FlowAction.Output((ushort)random.Next(1, 5)),
    }), FlowAction.Output(4)];

    private static void ReadAloud(FlowAction[] actions, byte[] frame, ushort inPort, Dictionary<(ushort, ushort), List<byte[]>> sent)
    {
        byte[] now = [.. frame];
        foreach (FlowAction action in actions)
        {
            if (!action.IsOutput)
            {
                ReferenceRewriter rewriter = new(now);
                rewriter.Apply(action);
                now = rewriter.Finish();
                continue;
            }
            ushort[] ports = action.Port == PortNumber.All ? [1, 2, 3, 4] : [action.Port];
            foreach (ushort port in ports.Where(port => port != inPort))
            {
                AddTo(sent, inPort, port, now);
            }
        }
    }

    private static void AddTo(Dictionary<(ushort, ushort), List<byte[]>> frames, ushort from, ushort to, byte[] frame)
    {
        if (!frames.TryGetValue((from, to), out List<byte[]>? list))
        {
            frames[(from, to)] = list = [];
        }
        list.Add(frame);
    }
}
