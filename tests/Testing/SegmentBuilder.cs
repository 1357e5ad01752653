using System.Buffers.Binary;
using Softswitch.Datapath.Packets;

namespace Softswitch.Testing;

/// <summary>
/// Builds TCP and UDP packets from their fields, byte by byte, with textbook checksums; the oracle for whatever cuts segments:
/// each frame is built anew from what the sender would have meant, not derived from the segment.
/// </summary>
internal sealed record SegmentBuilder
{
    public bool IsIpv4 { get; init; } = true;
    public bool IsTcp { get; init; } = true;

    /// <summary>VLAN tags with their TPID, outermost first.</summary>
    public IReadOnlyList<uint> Tags { get; init; } = [];
    public byte[] IpOptions { get; init; } = [];
    public byte[] TcpOptions { get; init; } = [];
    public ushort Identification { get; init; }
    public uint Sequence { get; init; }
    public byte TcpFlags { get; init; } = 0x10;
    public byte[] Payload { get; init; } = [];

    public static SegmentBuilder Random(Random random, int payloadLength)
    {
        bool isIpv4 = random.Next(2) == 0;
        byte[] payload = new byte[payloadLength];
        random.NextBytes(payload);
        byte[] tcpOptions = new byte[random.Next(11) * 4];
        Array.Fill(tcpOptions, (byte)1); // NOP
        uint[] tags = [0x88a80009, 0x81000007 | ((uint)random.Next(8) << 13)];
        return new SegmentBuilder
        {
            IsIpv4 = isIpv4,
            IsTcp = random.Next(3) != 0,
            Tags = tags[random.Next(3)..],
            // IPv4: NOPs; IPv6: a hop-by-hop header of padding (PadN 4).
            IpOptions = !isIpv4 ? random.Next(2) == 0 ? [] : [0, 0, 1, 4, 0, 0, 0, 0] : [.. Enumerable.Repeat((byte)1, random.Next(11) * 4)],
            TcpOptions = tcpOptions,
            Identification = (ushort)random.Next(65536),
            Sequence = (uint)random.NextInt64(uint.MaxValue + 1L),
            TcpFlags = (byte)random.Next(256),
            Payload = payload,
        };
    }

    public int NetworkOffset => 14 + (4 * Tags.Count);

    public int TransportOffset => NetworkOffset + (IsIpv4 ? 20 : 40) + IpOptions.Length;

    public int HeaderLength => TransportOffset + (IsTcp ? 20 + TcpOptions.Length : 8);

    /// <summary>Frames of at most <paramref name="segmentSize"/> payload bytes, as a sender without offloads makes them.</summary>
    public List<byte[]> Frames(int segmentSize)
    {
        List<byte[]> frames = [];
        for (int offset = 0; offset < Payload.Length; offset += segmentSize)
        {
            int length = Math.Min(segmentSize, Payload.Length - offset);
            bool first = offset == 0;
            bool last = offset + length == Payload.Length;
            int kept = 0xff & ~(last ? 0 : 0x09) & ~(first ? 0 : 0x80);
            SegmentBuilder frame = this with
            {
                Payload = Payload[offset..(offset + length)],
                Identification = (ushort)(Identification + frames.Count),
                Sequence = unchecked(Sequence + (uint)offset),
                TcpFlags = (byte)(TcpFlags & kept),
            };
            frames.Add(frame.Build(finished: true));
        }
        return frames;
    }

    /// <summary>The packet in one piece.</summary>
    /// <param name="finished">With its checksum; else with the folded pseudo-header sum in its place, as a stack hands it to a device.</param>
    public byte[] Build(bool finished)
    {
        List<byte> bytes = [.. Convert.FromHexString("02000000000b02000000000a")];
        foreach (uint tag in Tags)
        {
            Add32(bytes, tag);
        }
        byte[] transport = BuildTransport(finished);
        AddNetwork(bytes, transport.Length);
        bytes.AddRange(transport);
        return [.. bytes];
    }

    /// <summary>The segment as a packet with its offload state, in a frame of <paramref name="frames"/>.</summary>
    public Packet Rent(FrameCache frames, int segmentSize)
    {
        byte[] bytes = Build(finished: false);
        if (!frames.TryRent(bytes.Length, out Packet packet))
        {
            throw new InvalidOperationException("the pool is empty");
        }
        packet.Length = bytes.Length;
        bytes.CopyTo(packet.Bytes);
        bool cut = Payload.Length > segmentSize;
        packet.Flags = PacketFlags.NeedsChecksum | (cut ? PacketFlags.NeedsSegmentation : PacketFlags.None);
        frames.Offload(packet) = new OffloadState
        {
            Segmentation = !cut ? SegmentationKind.None
                : !IsTcp ? SegmentationKind.UdpL4
                : IsIpv4 ? SegmentationKind.TcpV4 : SegmentationKind.TcpV6,
            Ecn = cut && IsTcp && (TcpFlags & 0x80) != 0,
            HeaderLength = (ushort)HeaderLength,
            SegmentSize = cut ? (ushort)segmentSize : (ushort)0,
            ChecksumStart = (ushort)TransportOffset,
            ChecksumOffset = IsTcp ? (ushort)16 : (ushort)6,
        };
        return packet;
    }

    private byte[] Addresses => IsIpv4
        ? [10, 0, 0, 1, 10, 0, 0, 2]
        : Convert.FromHexString("fd000000000000000000000000000001fd000000000000000000000000000002");

    private byte[] BuildTransport(bool finished)
    {
        List<byte> bytes = [];
        Add16(bytes, 40000);
        Add16(bytes, 5201);
        int length = (IsTcp ? 20 + TcpOptions.Length : 8) + Payload.Length;
        if (IsTcp)
        {
            Add32(bytes, Sequence);
            Add32(bytes, 0x01020304);
            bytes.Add((byte)((20 + TcpOptions.Length) / 4 << 4));
            bytes.Add(TcpFlags);
            Add16(bytes, 512);
            Add32(bytes, 0); // checksum, urgent pointer
            bytes.AddRange(TcpOptions);
        }
        else
        {
            Add16(bytes, (ushort)length);
            Add16(bytes, 0);
        }
        bytes.AddRange(Payload);
        byte[] transport = [.. bytes];
        List<byte> pseudo = [.. Addresses];
        Add32(pseudo, (uint)length);
        Add32(pseudo, IsTcp ? 6u : 17u);
        ushort checksum = finished ? (ushort)~Sum([.. pseudo, .. transport]) : Sum([.. pseudo]);
        checksum = finished && !IsTcp && checksum == 0 ? (ushort)0xffff : checksum;
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(IsTcp ? 16 : 6), checksum);
        return transport;
    }

    private void AddNetwork(List<byte> bytes, int transportLength)
    {
        byte protocol = (byte)(IsTcp ? 6 : 17);
        if (!IsIpv4)
        {
            Add16(bytes, 0x86dd);
            Add32(bytes, 0x6012_3456);
            Add16(bytes, (ushort)(transportLength + IpOptions.Length));
            bytes.Add(IpOptions.Length > 0 ? (byte)0 : protocol);
            bytes.Add(64);
            bytes.AddRange(Addresses);
            bytes.AddRange(IpOptions.Length > 0 ? [protocol, .. IpOptions[1..]] : []);
            return;
        }
        Add16(bytes, 0x0800);
        List<byte> header = [(byte)(0x40 | ((20 + IpOptions.Length) / 4)), 0x02];
        Add16(header, (ushort)(20 + IpOptions.Length + transportLength));
        Add16(header, Identification);
        Add16(header, 0x4000);
        header.AddRange([64, protocol, 0, 0, .. Addresses, .. IpOptions]);
        byte[] network = [.. header];
        BinaryPrimitives.WriteUInt16BigEndian(network.AsSpan(10), (ushort)~Sum(network));
        bytes.AddRange(network);
    }

    private static ushort Sum(byte[] data)
    {
        uint sum = 0;
        for (int i = 0; i < data.Length; i++)
        {
            sum += (uint)(i % 2 == 0 ? data[i] << 8 : data[i]);
            sum = sum > 0xffff ? sum - 0xffff : sum;
        }
        return (ushort)sum;
    }

    private static void Add16(List<byte> bytes, ushort value) => bytes.AddRange([(byte)(value >> 8), (byte)value]);

    private static void Add32(List<byte> bytes, uint value)
    {
        Add16(bytes, (ushort)(value >> 16));
        Add16(bytes, (ushort)value);
    }
}
