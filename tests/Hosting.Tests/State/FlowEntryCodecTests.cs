using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Tables;
using Softswitch.Hosting.State;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>Entries as bytes.</summary>
public sealed class FlowEntryCodecTests
{
    private readonly FlowAction[] _storage = new FlowAction[ActionListMemory.MaxActions];

    [Fact]
    public void An_entry_is_read_as_it_was_written()
    {
        RandomMatches random = new(1);
        for (int i = 0; i < 500; i++)
        {
            FlowStatistics entry = NextEntry(random, random.Random.Next(20));
            byte[] bytes = new byte[FlowEntryCodec.SizeOf(entry) + random.Random.Next(5)];
            int size = FlowEntryCodec.Write(entry, bytes);
            Assert.True(FlowEntryCodec.TryRead(bytes, _storage, out FlowStatistics read, out int readSize));
            Assert.Equal(FlowEntryCodec.SizeOf(entry), size);
            Assert.Equal(size, readSize);
            Assert.Equal(Describe(entry), Describe(read));
            Assert.Equal((entry.TableId, entry.Sequence), FlowEntryCodec.ReadName(bytes));
        }
    }

    [Fact]
    public void The_longest_list_fits_and_a_longer_one_is_refused()
    {
        FlowStatistics entry = NextEntry(new RandomMatches(2), ActionListMemory.MaxActions);
        byte[] bytes = new byte[FlowEntryCodec.MaxSize + 16];
        Assert.Equal(FlowEntryCodec.MaxSize, FlowEntryCodec.Write(entry, bytes));
        Assert.True(FlowEntryCodec.TryRead(bytes, _storage, out _, out _));
        (bytes[0], bytes[1]) = (0x00, 0x20);
        Assert.False(FlowEntryCodec.TryRead(bytes, _storage, out _, out _));
    }

    [Fact]
    public void Bytes_that_are_cut_or_flipped_read_as_another_entry_or_as_none()
    {
        FlowStatistics entry = NextEntry(new RandomMatches(3), 14);
        byte[] bytes = new byte[FlowEntryCodec.SizeOf(entry)];
        FlowEntryCodec.Write(entry, bytes);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.False(FlowEntryCodec.TryRead(bytes.AsSpan(0, length), _storage, out _, out _));
        }
        byte[] again = new byte[bytes.Length];
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            byte[] flipped = [.. bytes];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            if (FlowEntryCodec.TryRead(flipped, _storage, out FlowStatistics read, out int size))
            {
                FlowEntryCodec.Write(read, again);
                Assert.NotEqual(bytes[..size], again[..size]);
            }
        }
    }

    [Fact]
    public void The_layout_is_what_files_of_this_version_hold()
    {
        FlowStatistics entry = new()
        {
            TableId = 0xfe,
            Match = FlowMatch.Any with { InPort = 0x0102, DlSrc = new MacAddress(0x0a0b0c0d0e0f), NwSrc = 0x01020304 },
            Priority = 0x1112,
            IdleTimeoutSeconds = 0x2122,
            HardTimeoutSeconds = 0x3132,
            Flags = FlowModFlags.Emergency,
            Cookie = 0x4142434445464748,
            Sequence = 0x51,
            Duration = TimeSpan.FromTicks(0x61),
            Idle = TimeSpan.FromTicks(0x71),
            PacketCount = 0x81,
            ByteCount = 0x91,
            Actions = new[] { FlowAction.Output(0x0201, 0x0403), FlowAction.SetDlDst(new MacAddress(0x0102030405ff)) },
        };
        byte[] bytes = new byte[FlowEntryCodec.SizeOf(entry)];
        FlowEntryCodec.Write(entry, bytes);
        Assert.Equal(1, FlowEntryCodec.Version);
        Assert.Equal(
            "0200FE00" + "1211" + "2221" + "3231" + "0400"
            + "FFFF3F00" + "0201" + "0A0B0C0D0E0F" + "000000000000" + "0000" + "0000" + "0000" + "00000000" + "04030201" + "00000000" + "0000" + "0000"
            + "4847464544434241" + "5100000000000000" + "6100000000000000" + "7100000000000000" + "8100000000000000" + "9100000000000000"
            + "0000010203040000" + "0000000000000000" + "0500000000000000" + "0102030405FF0000",
            Convert.ToHexString(bytes));
    }

    private static FlowStatistics NextEntry(RandomMatches random, int actions) => new()
    {
        TableId = random.Random.Next(2) == 0 ? FlowFilter.FlowTable : FlowFilter.EmergencyTable,
        Match = random.NextMatch(),
        Priority = (ushort)random.Random.Next(65536),
        IdleTimeoutSeconds = (ushort)random.Random.Next(65536),
        HardTimeoutSeconds = (ushort)random.Random.Next(65536),
        Flags = (FlowModFlags)random.Random.Next(8),
        Cookie = (ulong)random.Random.NextInt64(),
        Sequence = (ulong)random.Random.NextInt64(),
        Duration = TimeSpan.FromTicks(random.Random.NextInt64()),
        Idle = TimeSpan.FromTicks(random.Random.NextInt64()),
        PacketCount = (ulong)random.Random.NextInt64(),
        ByteCount = (ulong)random.Random.NextInt64(),
        Actions = Enumerable.Range(0, actions).Select(i => NextAction(random.Random, i)).ToArray(),
    };

    /// <summary>Each kind in turn.</summary>
    private static FlowAction NextAction(Random random, int i)
    {
        uint value = (uint)random.NextInt64();
        MacAddress mac = new((ulong)random.NextInt64() & 0xffff_ffff_ffff);
        return (i % 14) switch
        {
            0 => FlowAction.Output((ushort)value, (ushort)(value >> 16)),
            1 => FlowAction.SetVlanVid((ushort)value),
            2 => FlowAction.SetVlanPcp((byte)value),
            3 => FlowAction.StripVlan(),
            4 => FlowAction.SetDlSrc(mac),
            5 => FlowAction.SetDlDst(mac),
            6 => FlowAction.SetNwSrc(value),
            7 => FlowAction.SetNwDst(value),
            8 => FlowAction.SetNwTos((byte)value),
            9 => FlowAction.SetTpSrc((ushort)value),
            10 => FlowAction.SetTpDst((ushort)value),
            11 => FlowAction.Enqueue((ushort)value, value),
            12 => FlowAction.SetTunnel(value),
            _ => FlowAction.SetTunnelDestination(value),
        };
    }

    private static string Describe(in FlowStatistics entry) =>
        $"{entry.TableId} {entry.Match} {entry.Priority} {entry.IdleTimeoutSeconds} {entry.HardTimeoutSeconds} {entry.Flags} {entry.Cookie} {entry.Sequence} "
        + $"{entry.Duration.Ticks} {entry.Idle.Ticks} {entry.PacketCount} {entry.ByteCount} {string.Join(',', entry.Actions.ToArray())}";
}
