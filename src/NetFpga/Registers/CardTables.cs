namespace Softswitch.NetFpga.Registers;

/// <summary>The counters of a row or slot.</summary>
internal readonly record struct CardHits(ulong Packets, ulong Bytes);

/// <summary>A row of the wildcard table and its place.</summary>
internal readonly record struct CardRow(int Row, RowImage Image, CardHits Hits)
{
    /// <summary>Empty rows compare every bit with 0, as no frame has them.</summary>
    public bool IsEmpty => Image.Value == default && Image.Mask == default;
}

/// <summary>A slot of the exact table in use, and its place.</summary>
internal readonly record struct CardSlot(int Slot, SlotImage Image, CardHits Hits);

/// <summary>Both tables of a card, as they were read from it.</summary>
/// <param name="Rows">All 32.</param>
/// <param name="Slots">Those in use, by number.</param>
internal sealed record CardTables(IReadOnlyList<CardRow> Rows, IReadOnlyList<CardSlot> Slots)
{
    private const uint ActiveBit = 0x80000000;
    private const uint PacketBits = 0x01ffffff;

    /// <summary>Reads both tables. It uses the read-row register, which overwrites the staging words: only the owner of the tables may call this.</summary>
    /// <param name="rowHits">The owner's accumulated hits of rows. For rows not in it, or if it is null, the card's 32-bit counters are read.</param>
    /// <param name="slotHits">
    /// The slots in use with their accumulated hits. If null, all slots are searched, and their counters read from the card, which clears them there.
    /// </param>
    /// <exception cref="RegisterAccessException">The card does not answer.</exception>
    public static CardTables Read(IRegisterAccess card, IReadOnlyDictionary<int, CardHits>? rowHits = null, IReadOnlyDictionary<int, CardHits>? slotHits = null)
    {
        List<CardRow> rows = [];
        for (int row = 0; row < CardRegisters.RowCount; row++)
        {
            uint offset = 4 * (uint)row;
            card.Write(CardRegisters.RowRead, (uint)row);
            RowImage image = new(ReadKey(card, CardRegisters.RowValue), ReadKey(card, CardRegisters.RowMask), ReadAction(card, CardRegisters.RowAction));
            CardHits hits = rowHits?.TryGetValue(row, out CardHits known) == true
                ? known
                : new CardHits(card.Read(CardRegisters.RowPackets + offset), card.Read(CardRegisters.RowBytes + offset));
            rows.Add(new CardRow(row, image, hits));
        }
        IEnumerable<int> candidates = slotHits?.Keys.Order() ?? Enumerable.Range(0, CardRegisters.SlotCount);
        List<CardSlot> slots = [];
        foreach (int slot in candidates)
        {
            uint address = CardRegisters.Exact + ((uint)slot * CardRegisters.SlotStride);
            if ((card.Read(address + (4 * (KeyWords.Count - 1))) & ActiveBit) != 0)
            {
                CardHits hits = slotHits?[slot]
                    ?? new CardHits(card.Read(address + CardRegisters.SlotPackets) & PacketBits, card.Read(address + CardRegisters.SlotBytes));
                slots.Add(new CardSlot(slot, new SlotImage(ReadKey(card, address), ReadAction(card, address + CardRegisters.SlotAction)), hits));
            }
        }
        return new CardTables(rows, slots);
    }

    private static KeyWords ReadKey(IRegisterAccess card, uint address)
    {
        KeyWords words = default;
        Read(card, address, words);
        return words;
    }

    private static ActionWords ReadAction(IRegisterAccess card, uint address)
    {
        ActionWords words = default;
        Read(card, address, words);
        return words;
    }

    private static void Read(IRegisterAccess card, uint address, Span<uint> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = card.Read(address + (4 * (uint)i));
        }
    }
}
