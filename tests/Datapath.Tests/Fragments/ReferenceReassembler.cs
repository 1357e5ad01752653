using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Fragments;

/// <summary>Reassembly as a textbook has it: lists of ranges, compared one with the other. The rules are those of the product, the means are not.</summary>
internal sealed class ReferenceReassembler(int capacity, long timeout)
{
    private readonly List<Datagram> _datagrams = []; // oldest first

    public Dictionary<DropReason, long> Drops { get; } = [];

    public int Held => _datagrams.Count(d => !d.Refused);

    /// <summary>Takes a fragment in an untagged frame; returns the frame it completes, if it does.</summary>
    public byte[]? Accept(byte[] frame, long now)
    {
        Expire(now);
        byte[] ip = frame[14..];
        int header = (ip[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(2));
        int field = BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(6));
        int offset = (field & 0x1fff) * 8;
        bool more = (field & 0x2000) != 0;
        byte[] payload = ip[header..total];
        if (TestPacket.TextbookChecksum(ip.AsSpan(0, header)) != 0 || payload.Length == 0 || (more && payload.Length % 8 != 0)
            || header + offset + payload.Length > 65535)
        {
            return Drop(DropReason.FragmentRefused);
        }
        string id = Convert.ToHexString(frame[..14]) + Convert.ToHexString(ip[12..20]) + ip[9] + Convert.ToHexString(ip[4..6]);
        Datagram? datagram = _datagrams.Find(d => d.Id == id);
        if (datagram == null)
        {
            if (_datagrams.Count == capacity)
            {
                GiveUp(_datagrams[0], DropReason.ReassemblyFull);
            }
            datagram = new Datagram(id, now);
            _datagrams.Add(datagram);
        }
        Piece piece = new(offset, payload, more, frame[..(14 + header)], ip[1] & 3);
        if (datagram.Refused)
        {
            return Drop(DropReason.FragmentRefused);
        }
        if (datagram.Pieces.Exists(p => p.Offset == offset && p.More == more && p.Payload.AsSpan().SequenceEqual(payload)))
        {
            return Drop(DropReason.FragmentDuplicate);
        }
        if (datagram.Pieces.Exists(p => p.Contradicts(piece)))
        {
            Drop(DropReason.FragmentRefused);
            return Refuse(datagram);
        }
        datagram.Pieces.Add(piece);
        return TryBuild(datagram);
    }

    public void Expire(long now)
    {
        foreach (Datagram datagram in _datagrams.Where(d => now - d.Since >= timeout).ToList())
        {
            GiveUp(datagram, DropReason.ReassemblyTimeout);
        }
    }

    private byte[]? TryBuild(Datagram datagram)
    {
        List<Piece> pieces = [.. datagram.Pieces.OrderBy(p => p.Offset)];
        int at = 0;
        foreach (Piece piece in pieces)
        {
            if (piece.Offset != at)
            {
                return null;
            }
            at = piece.End;
        }
        if (pieces[^1].More)
        {
            return null;
        }
        bool met = pieces.Exists(p => p.Ecn == 3);
        byte[] frame = [.. pieces[0].Headers, .. pieces.SelectMany(p => p.Payload)];
        if (frame.Length - 14 > 65535 || (met && pieces.Exists(p => p.Ecn == 0)))
        {
            return Refuse(datagram);
        }
        _datagrams.Remove(datagram);
        frame[15] |= met ? (byte)3 : (byte)0;
        return Ipv4Fragments.Write(frame, 0, more: false);
    }

    private byte[]? Refuse(Datagram datagram)
    {
        Count(DropReason.FragmentRefused, datagram.Pieces.Count);
        datagram.Pieces.Clear();
        datagram.Refused = true;
        return null;
    }

    private void GiveUp(Datagram datagram, DropReason reason)
    {
        Count(reason, datagram.Pieces.Count);
        _datagrams.Remove(datagram);
    }

    private byte[]? Drop(DropReason reason)
    {
        Count(reason, 1);
        return null;
    }

    private void Count(DropReason reason, long count) => Drops[reason] = Drops.GetValueOrDefault(reason) + count;

    private sealed class Datagram(string id, long since)
    {
        public string Id { get; } = id;

        public long Since { get; } = since;

        public List<Piece> Pieces { get; } = [];

        public bool Refused { get; set; }
    }

    private sealed record Piece(int Offset, byte[] Payload, bool More, byte[] Headers, int Ecn)
    {
        public int End => Offset + Payload.Length;

        public bool Contradicts(Piece other) =>
            (Offset < other.End && other.Offset < End)          // overlap
            || (!More && !other.More)                           // two ends
            || (!More && other.End >= End)                      // beyond the end, or more behind it
            || (!other.More && End >= other.End);
    }
}
