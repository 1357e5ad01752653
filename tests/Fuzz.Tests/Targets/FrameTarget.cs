using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>Frames through a datapath with random entries: each is parsed as the specification says, and leaves, with right checksums if it came so, is dropped and counted, or is held.</summary>
internal sealed class FrameTarget : IFuzzTarget
{
    private const int Ports = 4;
    private const int Entries = 24;
    private const int Kinds = 8;
    private const int KeyOnly = 1 << 30;

    // Record kinds: the entries' seed and what becomes of fragments, or a frame by its port.
    private const int Set = 0;

    public string Name => "frame";

    public byte[] Generate(Random random)
    {
        byte[] set = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(set, random.Next(KeyOnly));
        set[4] = (byte)random.Next(Kinds);
        List<byte> input = [.. Records.Make(Set, set)];
        RandomMatches frames = new(random.Next());
        for (int count = random.Next(1, 40); count > 0; count--)
        {
            byte[] frame = random.Next(10) == 0
                ? Ipv4Fragment(random)
                : frames.NextFrame();
            frame = random.Next(3) == 0 ? Mutation.Change(frame, random) : random.Next(3) == 0 ? Mutation.Overwrite(frame, random, from: 12) : frame;
            input.AddRange(Records.Make(random.Next(1, Ports + 1), frame));
        }
        return [.. input];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        using TestSwitch sut = new(Ports, new DatapathOptions { FrameCount = 1024, LargeFrameCount = 16, MaxExactEntries = 64, MaxWildcardEntries = 64, MaxReassemblies = 8 });
        bool oneForOne = true;
        long injected = 0;
        long sent = 0;
        foreach ((int kind, byte[] content) in Records.Read(input))
        {
            if (kind == Set)
            {
                oneForOne &= SetUp(sut, content);
                continue;
            }
            ushort port = (ushort)(1 + (kind % Ports));
            CheckKey(content, port);
            if (sut[port].TryInject(content))
            {
                injected++;
                sut.Settle();
            }
            byte[][] received = [.. Enumerable.Range(1, Ports).SelectMany(to => sut.Received((ushort)to))];
            sent += received.Length;
            if (HasRightChecksums(content) && sut.Control.Pipeline.FragmentHandling != FragmentHandling.Reassemble)
            {
                Assert.All(received, frame => Assert.True(HasRightChecksums(frame), $"{Convert.ToHexString(content)} left as {Convert.ToHexString(frame)}"));
            }
        }
        sut.AssertNoFrameLost();
        if (oneForOne)
        {
            long dropped = Enum.GetValues<DropReason>().Sum(sut.Control.Accounts.ReadDrops);
            Assert.True(injected == sent + dropped + sut.PacketIns.Count, $"{injected} received, {sent} sent, {dropped} dropped, {sut.PacketIns.Count} to the controller");
        }
    }

    /// <returns>Whether one packet makes at most one.</returns>
    private static bool SetUp(TestSwitch sut, byte[] content)
    {
        int seed = content.Length >= 4 ? BinaryPrimitives.ReadInt32BigEndian(content) : 0;
        int kind = content.Length > 4 ? content[4] % Kinds : 0;
        bool copies = (kind & 1) != 0;
        sut.Control.Pipeline.FragmentHandling = (kind >> 1) switch
        {
            0 => FragmentHandling.Drop,
            1 => FragmentHandling.Reassemble,
            _ => FragmentHandling.Normal,
        };
        RandomMatches random = new(seed);
        for (int i = 0; i < Entries; i++)
        {
            Assert.Equal(ControlError.None, sut.Add(random.NextMatch(), (ushort)random.Random.Next(4), Actions(random.Random, copies)));
        }
        return !copies && sut.Control.Pipeline.FragmentHandling != FragmentHandling.Reassemble;
    }

    private static FlowAction[] Actions(Random random, bool copies)
    {
        List<FlowAction> actions = [];
        for (int count = random.Next(4); count > 0; count--)
        {
            actions.Add(random.Next(11) switch
            {
                0 => FlowAction.SetVlanVid((ushort)random.Next(4096)),
                1 => FlowAction.StripVlan(),
                2 => FlowAction.SetNwSrc((uint)random.Next()),
                3 => FlowAction.SetNwTos((byte)(random.Next(64) << 2)),
                4 => FlowAction.SetTpDst((ushort)random.Next(65536)),
                5 => FlowAction.SetDlDst(new((ulong)random.NextInt64())),
                6 when copies => FlowAction.Output(PortNumber.Flood),
                7 when copies => FlowAction.Output(PortNumber.Controller, (ushort)random.Next(200)),
                8 => FlowAction.SetNwDst((uint)random.Next()),
                9 => FlowAction.SetTpSrc((ushort)random.Next(65536)),
                10 => FlowAction.SetDlSrc(new((ulong)random.NextInt64())),
                _ => FlowAction.SetVlanPcp((byte)random.Next(8)),
            });
        }
        actions.AddRange(random.Next(6) switch
        {
            0 => [],
            1 => [FlowAction.Output(PortNumber.Controller, 64)],
            2 => [FlowAction.Output(PortNumber.InPort)],
            _ => [FlowAction.Output((ushort)random.Next(1, Ports + 2))],
        });
        return [.. actions];
    }

    private static unsafe void CheckKey(byte[] frame, ushort port)
    {
        // A byte read beyond the frame would end the process.
        using GuardedMemory memory = new(frame.Length);
        FlowKey key;
        HeaderOffsets layout;
        FlowKeyParser.Parse(memory.PlaceAtEnd(frame), frame.Length, port, &key, &layout);
        if (frame.Length < FlowKeyParser.MinLength)
        {
            return; // a key of nothing, which no match says
        }
        MatchNormalizer.Normalize(ReferenceParser.Parse(frame, port), out FlowKey expected, out _);
        Assert.True(FlowKey.Equals(expected, key), $"expected {expected}, parsed {key}");
    }

    /// <summary>Whether it is an IPv4 packet whose every checksum is the one computed anew.</summary>
    private static bool HasRightChecksums(byte[] frame)
    {
        if (frame.Length < FlowKeyParser.MinLength)
        {
            return false;
        }
        ReferenceRewriter reference = new(frame);
        return reference.HasIp && reference.Finish().AsSpan().SequenceEqual(frame);
    }

    private static byte[] Ipv4Fragment(Random random)
    {
        int offset = random.Next(8) * 8;
        return TestPacket.Ipv4(17, new byte[random.Next(1, 9) * 8], src: 1, dst: (uint)random.Next(1, 3), fragment: (ushort)((random.Next(2) << 13) | (offset / 8)));
    }
}
